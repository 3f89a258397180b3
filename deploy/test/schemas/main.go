// Command schemas writes the schemas by which deploy/test judges the manifests, from published packages: README.md
// beside it has the commands. What it writes is strict: a field that the schema does not name is refused.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// builtin are the resources of Kubernetes itself that our manifests hold, as kubernetes-validate names their files.
var builtin = []string{
	"configmap-v1", "namespace-v1", "networkpolicy-networking-v1", "poddisruptionbudget-policy-v1", "secret-v1",
	"service-v1", "serviceaccount-v1", "statefulset-apps-v1",
}

func main() {
	kubernetes := flag.String("kubernetes", "", "folder of kubernetes-validate's strict schemas of one version")
	flag.Parse()
	if *kubernetes != "" {
		if err := write("kubernetes.json", fromKubernetes(*kubernetes)); err != nil {
			log.Fatal(err)
		}
	}
	for _, file := range flag.Args() {
		kind, schema, err := fromDefinition(file)
		if err != nil {
			log.Fatal(err)
		}
		if err := write(strings.ToLower(kind)+".json", schema); err != nil {
			log.Fatal(err)
		}
	}
}

// fromKubernetes is one schema for all built-in resources: the definitions that they reach, and nothing else.
func fromKubernetes(folder string) map[string]any {
	all := object(load(filepath.Join(folder, "_definitions.json"))["$defs"])
	kept, resources := map[string]any{}, map[string]any{}
	for _, name := range builtin {
		schema := plain(load(filepath.Join(folder, name+".json")))
		of := object(schema["properties"])
		only := func(field string) string { return fmt.Sprint(object(of[field])["enum"].([]any)[0]) }
		resources[only("apiVersion")+" "+only("kind")] = schema
	}
	wanted := references(resources)
	for len(wanted) > 0 {
		name := wanted[0]
		wanted = wanted[1:]
		if kept[name] == nil {
			kept[name] = plain(object(all[name]))
			wanted = append(wanted, references(kept[name])...)
		}
	}
	return map[string]any{"resources": resources, "$defs": kept}
}

// fromDefinition is the schema of the stored version in a CustomResourceDefinition.
func fromDefinition(file string) (kind string, schema map[string]any, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	var definition map[string]any
	if err := yaml.Unmarshal(content, &definition); err != nil {
		return "", nil, fmt.Errorf("%s: %w", file, err)
	}
	spec := object(definition["spec"])
	kind = fmt.Sprint(object(spec["names"])["kind"])
	for _, v := range spec["versions"].([]any) {
		version := object(v)
		if version["storage"] != true {
			continue
		}
		schema = strict(plain(object(object(version["schema"])["openAPIV3Schema"])))
		of := object(schema["properties"])
		of["apiVersion"] = map[string]any{"enum": []any{fmt.Sprintf("%s/%s", spec["group"], version["name"])}}
		of["kind"] = map[string]any{"enum": []any{kind}}
		of["metadata"] = map[string]any{"type": "object"}
		delete(of, "status") // the cluster writes it
		schema["required"] = []any{"apiVersion", "kind", "metadata", "spec"}
		return kind, schema, nil
	}
	return "", nil, fmt.Errorf("%s: no version is stored", file)
}

// plain leaves out what is for people, and what a validator does not know, of a schema.
func plain(schema map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range schema {
		switch {
		case key == "properties": // here the keys are names of fields
			fields := map[string]any{}
			for name, field := range object(value) {
				fields[name] = plain(object(field))
			}
			out[key] = fields
		case key == "description" || key == "format" || key == "default" || key == "$schema" || key == "$id" ||
			strings.HasPrefix(key, "x-kubernetes") && key != "x-kubernetes-preserve-unknown-fields" && key != "x-kubernetes-int-or-string":
		case key == "$ref":
			out[key] = "#/$defs/" + value.(string)[strings.LastIndex(value.(string), "/")+1:]
		default:
			out[key] = plainValue(value)
		}
	}
	return out
}

func plainValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return plain(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainValue(v[i])
		}
		return list
	}
	return value
}

// strict refuses fields that are not named, where the definition does not say that it keeps them.
func strict(schema map[string]any) map[string]any {
	fields := object(schema["properties"])
	for _, field := range fields {
		strict(object(field))
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[key].(map[string]any); ok {
			strict(inner)
		}
	}
	if schema["x-kubernetes-int-or-string"] == true {
		schema["type"] = []any{"integer", "string"}
		delete(schema, "anyOf")
	}
	if len(fields) > 0 && schema["additionalProperties"] == nil && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	delete(schema, "x-kubernetes-preserve-unknown-fields")
	delete(schema, "x-kubernetes-int-or-string")
	return schema
}

// references are the names of the definitions that a schema points to, in order.
func references(schema any) []string {
	found := map[string]bool{}
	collect(schema, found)
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func collect(value any, found map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if to, ok := inner.(string); ok && key == "$ref" {
				found[strings.TrimPrefix(to, "#/$defs/")] = true
			}
			collect(inner, found)
		}
	case []any:
		for _, inner := range v {
			collect(inner, found)
		}
	}
}

func object(value any) map[string]any {
	fields, _ := value.(map[string]any)
	return fields
}

func load(file string) map[string]any {
	content, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var value map[string]any
	if err := json.Unmarshal(content, &value); err != nil {
		log.Fatalf("%s: %v", file, err)
	}
	return value
}

func write(name string, schema map[string]any) error {
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o600)
}
