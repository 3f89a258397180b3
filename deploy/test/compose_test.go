package deploy

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project loads docker-compose.yml as `docker compose` does with these profiles (none: all of them), schema and
// interpolation included; an unknown key fails.
func project(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	if len(profiles) == 0 {
		profiles = []string{"*"}
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithWorkingDirectory(root), cli.WithResolvedPaths(true), cli.WithConsistency(true), cli.WithProfiles(profiles))
	if err != nil {
		t.Fatalf("compose options: %v", err)
	}
	loaded, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatalf("load docker-compose.yml: %v", err)
	}
	return loaded
}

// What is up without a profile is what somebody with events of their own needs; each profile adds to it.
func TestComposeProfiles(t *testing.T) {
	own := []string{"kafka", "processor", "topics"}
	for profile, adds := range map[string][]string{"none": nil, "ui": {"grafana", "prometheus"}, "demo": {"company"}, "warehouse": {"connect", "database", "sink"}} {
		names := project(t, profile).ServiceNames()
		slices.Sort(names)
		want := slices.Sorted(slices.Values(slices.Concat(own, adds)))
		if !slices.Equal(names, want) {
			t.Errorf("profile %s has the services %v, want %v", profile, names, want)
		}
	}
}

// The company of the profile demo is written by flags that the program has, to the topic that the processor reads.
func TestComposeCompanyWrites(t *testing.T) {
	company := project(t, "demo").Services["company"]
	if company.Image != project(t).Services["processor"].Image || company.Command[0] != "generate" {
		t.Fatalf("it runs %v of %s", company.Command, company.Image)
	}
	i := slices.Index(company.Command, "--topic")
	if i < 0 || !strings.Contains(string(read(t, "deploy/compose/processor.yaml")), "topic: "+company.Command[i+1]+",") {
		t.Errorf("%v: the processor reads another topic", company.Command)
	}
	// Nobody listens there: the flags are read, and then no broker answers.
	args := slices.Clone(company.Command)
	args[slices.Index(args, "--brokers")+1] = "127.0.0.1:1"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said, err := exec.CommandContext(ctx, processor(t), args...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(said), "127.0.0.1:1") {
		t.Errorf("%v: %v\n%s", args, err, said)
	}
}

// The profile warehouse has a database with our tables, and a Connect with our recipes that reads what the
// processor writes there.
func TestComposeFeedsAWarehouse(t *testing.T) {
	p := project(t, "warehouse")
	connect := p.Services["connect"]
	mounts := func(service, source, target string) bool {
		return slices.ContainsFunc(p.Services[service].Volumes, func(v types.ServiceVolumeConfig) bool {
			return strings.HasSuffix(filepath.ToSlash(v.Source), source) && v.Target == target
		})
	}
	if !mounts("database", "deploy/warehouse/postgres/tables.sql", "/docker-entrypoint-initdb.d/1-tables.sql") ||
		!mounts("database", "deploy/warehouse/postgres/views.sql", "/docker-entrypoint-initdb.d/2-views.sql") || !mounts("connect", "deploy/connect", "/connect") {
		t.Error("the database has not our tables, or Connect not our recipes")
	}
	for _, file := range connect.Command[1:] {
		if !exists(strings.Replace(file, "/connect/", "deploy/connect/", 1)) {
			t.Errorf("Connect is started with %s, which is not there", file)
		}
	}
	for _, recipe := range []string{"deploy/connect/postgres-rows.json", "deploy/connect/postgres-log.json"} {
		text := string(read(t, recipe))
		for _, variable := range []string{"WAREHOUSE_URL", "WAREHOUSE_USER", "WAREHOUSE_PASSWORD"} {
			if value := connect.Environment[variable]; value == nil || *value == "" || !strings.Contains(text, "${env:"+variable+"}") {
				t.Errorf("%s is not given to %s", variable, recipe)
			}
		}
	}
	if format := p.Services["processor"].Environment["EXPANSION_OUTPUT_FORMAT"]; format == nil || *format != "json" {
		t.Error("the processor's format cannot be said from outside, or is not json without a word")
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
	for _, name := range []string{"processor", "company"} {
		confinedService(t, project(t).Services[name])
	}
	service := project(t).Services["processor"]
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

func confinedService(t *testing.T, service types.ServiceConfig) {
	t.Helper()
	if service.User != "65532:65532" || !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") ||
		!slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
		t.Errorf("%s: user %q, read_only %v, cap_drop %v, security_opt %v: want the confinement of the Kubernetes pod",
			service.Name, service.User, service.ReadOnly, service.CapDrop, service.SecurityOpt)
	}
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
