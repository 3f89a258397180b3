package deploy

import (
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project loads docker-compose.yml as `docker compose` does, schema and interpolation included; an unknown
// key fails.
func project(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithWorkingDirectory(root), cli.WithResolvedPaths(true), cli.WithConsistency(true))
	if err != nil {
		t.Fatalf("compose options: %v", err)
	}
	loaded, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatalf("load docker-compose.yml: %v", err)
	}
	return loaded
}

func TestComposeHasTheWholePipeline(t *testing.T) {
	names := project(t).ServiceNames()
	slices.Sort(names)
	want := []string{"grafana", "kafka", "processor", "prometheus", "topics"}
	if !slices.Equal(names, want) {
		t.Errorf("services %v, want %v", names, want)
	}
}

// Nothing in the compose file has authentication, so nothing may listen beyond this machine.
func TestComposePublishesOnLoopbackOnly(t *testing.T) {
	published := 0
	for name, service := range project(t).Services {
		for _, port := range service.Ports {
			published++
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q, want 127.0.0.1", name, port.Published, port.HostIP)
			}
		}
		if service.NetworkMode != "" {
			t.Errorf("%s has network_mode %s, which opens its ports on the host", name, service.NetworkMode)
		}
	}
	if published == 0 {
		t.Error("no service publishes a port: nobody can look at it")
	}
}

func TestComposeMountsExist(t *testing.T) {
	mounted := 0
	for name, service := range project(t).Services {
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			mounted++
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s mounts %s, which is not there", name, volume.Source)
			}
			if !volume.ReadOnly {
				t.Errorf("%s mounts %s writable: a container must not change the repository", name, volume.Source)
			}
		}
	}
	if mounted == 0 {
		t.Error("nothing of the repository is mounted")
	}
}

// The images that others make are pinned, so that the same file starts the same programs next year.
func TestComposePinsImages(t *testing.T) {
	for name, service := range project(t).Services {
		_, tag, found := strings.Cut(service.Image, ":")
		if !found || tag == "latest" {
			t.Errorf("%s uses the image %q without a version", name, service.Image)
		}
	}
}

func TestComposeSourceTopic(t *testing.T) {
	topics := project(t).Services["topics"]
	command := strings.Join(topics.Command, " ")
	for _, want := range []string{"--topic=billing.events", "--config=message.timestamp.type=LogAppendTime", "--if-not-exists"} {
		if !strings.Contains(command, want) {
			t.Errorf("the topics service runs %q, without %s", command, want)
		}
	}
	if config := string(read(t, "deploy/compose/processor.yaml")); !strings.Contains(config, "topic: billing.events") {
		t.Error("deploy/compose/processor.yaml does not read the topic that the compose file creates")
	}
	after := project(t).Services["processor"].DependsOn["topics"]
	if after.Condition != types.ServiceConditionCompletedSuccessfully {
		t.Errorf("the processor starts at condition %q of topics, before its source exists", after.Condition)
	}
}

func TestComposeProcessorIsConfined(t *testing.T) {
	service := project(t).Services["processor"]
	if service.User != "65532:65532" || !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") ||
		!slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
		t.Errorf("user %q, read_only %v, cap_drop %v, security_opt %v: want the confinement of the Kubernetes pod",
			service.User, service.ReadOnly, service.CapDrop, service.SecurityOpt)
	}
	config := "deploy/compose/processor.yaml"
	if !slices.ContainsFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool {
		return strings.HasSuffix(filepath.ToSlash(v.Source), config) && v.Target == "/etc/processor/processor.yaml"
	}) {
		t.Errorf("the processor does not get %s", config)
	}
	if !slices.ContainsFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Target == "/var/lib/processor"
	}) {
		t.Error("no volume for the checkpoints: a recreated container would read everything again")
	}
	validate(t, config)
}

func TestDockerfile(t *testing.T) {
	dockerfile := string(read(t, "Dockerfile"))
	build := `CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /out/processor ./cmd/processor`
	for _, want := range []string{build, "\nFROM scratch\n", "\nUSER 65532:65532\n", "\nENTRYPOINT [\"/usr/local/bin/processor\"]\n"} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile has no line %s", strings.TrimSpace(want))
		}
	}
	goMod := string(read(t, "go.mod"))
	_, after, _ := strings.Cut(goMod, "\ngo ")
	language, _, _ := strings.Cut(strings.TrimSpace(after), ".0\n")
	if !strings.Contains(dockerfile, "FROM golang:"+language+".") {
		t.Errorf("go.mod says go %s, the Dockerfile builds with another", language)
	}
	for line := range strings.Lines(dockerfile) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "COPY" || strings.HasPrefix(fields[1], "--") {
			continue
		}
		for _, source := range fields[1 : len(fields)-1] {
			if !exists(source) {
				t.Errorf("the Dockerfile copies %s, which is not there", source)
			}
			if !strings.Contains(string(read(t, ".dockerignore")), "\n!"+strings.TrimPrefix(source, "./")+"\n") {
				t.Errorf(".dockerignore keeps %s from the build", source)
			}
		}
	}
}

// scratch has no dynamic linker and no zone database: a program that asks for one does not start.
func TestProgramIsStatic(t *testing.T) {
	file, err := elf.Open(processor(t))
	if err != nil {
		t.Fatalf("open the program: %v", err)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("the program asks for a dynamic linker")
		}
	}
}
