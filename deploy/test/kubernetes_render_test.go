package deploy

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// overlays are the folders of deploy/k8s that people apply.
var overlays = []string{"single", "monitored", "scaled", "operated"}

// manifest is one resource as kustomize gives it to the cluster.
type manifest struct {
	metav1.TypeMeta
	Name, Namespace string
	text            []byte
}

var rendered sync.Map // overlay -> []manifest

// render is what `kubectl apply -k deploy/k8s/<overlay>` applies, by kustomize itself.
func render(t *testing.T, overlay string) []manifest {
	t.Helper()
	if found, ok := rendered.Load(overlay); ok {
		return found.([]manifest)
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "deploy/k8s", overlay))
	if err != nil {
		t.Fatalf("kustomize build deploy/k8s/%s: %v", overlay, err)
	}
	var all []manifest
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, manifest{metav1.TypeMeta{APIVersion: r.GetApiVersion(), Kind: r.GetKind()}, r.GetName(), r.GetNamespace(), text})
	}
	rendered.Store(overlay, all)
	return all
}

// get is the one resource of an overlay with the type of T, decoded strictly.
func get[T any](t *testing.T, overlay, kind string) *T {
	t.Helper()
	found := all[T](t, overlay, kind)
	if len(found) != 1 {
		t.Fatalf("%s has %d resources of kind %s, want one", overlay, len(found), kind)
	}
	return found[0]
}

// all are the resources of a kind in an overlay.
func all[T any](t *testing.T, overlay, kind string) (list []*T) {
	t.Helper()
	for _, m := range render(t, overlay) {
		if m.Kind == kind {
			value := new(T)
			if err := yaml.UnmarshalStrict(m.text, value); err != nil {
				t.Fatalf("%s %s: %v", kind, m.Name, err)
			}
			list = append(list, value)
		}
	}
	return list
}

// schemas are those of deploy/test/schemas, by apiVersion and kind.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	files, err := filepath.Glob("schemas/*.json")
	if err != nil {
		return nil, err
	}
	compiled, compiler := map[string]*jsonschema.Schema{}, jsonschema.NewCompiler()
	add := func(key, file, pointer string) error {
		schema, err := compiler.Compile(file + pointer)
		compiled[key] = schema
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if err := compiler.AddResource(file, document); err != nil {
			return nil, err
		}
		fields := document.(map[string]any)
		if own, ok := fields["resources"].(map[string]any); ok {
			for key := range own {
				escaped := strings.NewReplacer("~", "~0", "/", "~1", " ", "%20").Replace(key)
				if err := add(key, file, "#/resources/"+escaped); err != nil {
					return nil, err
				}
			}
			continue
		}
		of := fields["properties"].(map[string]any)
		only := func(name string) string { return of[name].(map[string]any)["enum"].([]any)[0].(string) }
		if err := add(only("apiVersion")+" "+only("kind"), file, ""); err != nil {
			return nil, err
		}
	}
	return compiled, nil
})

// judge holds a resource against the schema of its kind.
func judge(t *testing.T, text []byte) error {
	t.Helper()
	known, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	converted, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	var meta metav1.TypeMeta
	if err := json.Unmarshal(converted, &meta); err != nil {
		return err
	}
	schema := known[meta.APIVersion+" "+meta.Kind]
	if schema == nil {
		t.Fatalf("no schema of %s %s: deploy/test/schemas/README.md says how to add one", meta.APIVersion, meta.Kind)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(converted))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestManifestsKeepToTheirSchemas(t *testing.T) {
	for _, overlay := range overlays {
		seen := map[string]bool{}
		for _, m := range render(t, overlay) {
			if err := judge(t, m.text); err != nil {
				t.Errorf("%s: %s %s: %v", overlay, m.Kind, m.Name, err)
			}
			if seen[m.Kind+m.Name] {
				t.Errorf("%s has %s %s twice", overlay, m.Kind, m.Name)
			}
			seen[m.Kind+m.Name] = true
			if m.Kind != "Namespace" && m.Namespace != "expansion" {
				t.Errorf("%s: %s %s is in the namespace %q", overlay, m.Kind, m.Name, m.Namespace)
			}
		}
		if len(seen) < 7 {
			t.Errorf("%s has %d resources only", overlay, len(seen))
		}
	}
}

// The schemas refuse what a cluster would refuse: a validator that takes everything proves nothing.
func TestSchemasRefuseMistakes(t *testing.T) {
	for _, c := range []struct{ kind, from, to string }{
		{"StatefulSet", "serviceName:", "servicename:"},
		{"StatefulSet", "containerPort: 8080", "containerPort: eighty"},
		{"StatefulSet", "protocol: TCP", "protcol: TCP"},
		{"StatefulSet", "podManagementPolicy: Parallel", "podManagementPolicy: [Parallel]"},
		{"NetworkPolicy", "podSelector:", "podSelektor:"},
		{"PodMonitor", "interval: 15s", "interval: 15 seconds"},
		{"PodMonitor", "podMetricsEndpoints:", "podMetricEndpoints:"},
		{"PrometheusRule", "for: 6h", "for: 6 hours"},
		{"KafkaTopic", "partitions: 12", "partitions: 0"},
		{"KafkaTopic", "replicas: 3", "replica: 3"},
		{"KafkaUser", "type: scram-sha-512", "type: scram-sha-256"},
		{"KafkaUser", "- DescribeConfigs", "- ReadConfigs"},
		{"KafkaUser", "patternType: prefix", "patternType: prefixed"},
		{"ScaledObject", "maxReplicaCount: 12", "maxReplicas: 12"},
		{"ScaledObject", "type: kafka", "typ: kafka"},
		{"TriggerAuthentication", "parameter: ca", "param: ca"},
	} {
		i := slices.IndexFunc(render(t, "operated"), func(m manifest) bool { return m.Kind == c.kind })
		text := render(t, "operated")[i].text
		wrong := strings.Replace(string(text), c.from, c.to, 1)
		if wrong == string(text) {
			t.Errorf("%s has no %q to put %q in its place", c.kind, c.from, c.to)
		} else if judge(t, []byte(wrong)) == nil {
			t.Errorf("%s with %q passes", c.kind, c.to)
		}
	}
}
