package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const canary = "canary-5f1c"

func TestSecretIsNeverFormatted(t *testing.T) {
	s := Secret(canary)
	holder := struct {
		Plain   Secret
		Pointer *Secret
		List    []Secret
		Map     map[string]Secret
	}{s, &s, []Secret{s}, map[string]Secret{"k": s}}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "s", s, "holder", holder)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("m", "s", s, "holder", holder)
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{logged.String(), string(asJSON), string(asYAML), s.String(), s.GoString(), s.LogValue().String()}
	// %p is left out: fmt asks no method there, and go vet refuses it for a text.
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%20s"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, holder), fmt.Errorf(verb, s).Error())
	}
	for _, text := range shown {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
			t.Errorf("shows the secret: %s", text)
		}
	}
	if s.Reveal() != canary {
		t.Error("Reveal does not reveal")
	}
}

// TestNoComplaintShowsASecret puts a secret into every key in turn, by reference and, for the
// keys that are meant for one, literally; whatever comes out must not show it.
func TestNoComplaintShowsASecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		for _, value := range []string{
			`"${CANARY}"`, `["${CANARY}"]`, `[["${CANARY}"]]`, `["${CANARY}", "${CANARY}"]`, `{a: "${CANARY}"}`,
			`[{topic: "${CANARY}", format: "${CANARY}", keyed_by_account: "${CANARY}"}]`,
			`[{from: "${CANARY}", EUR: "${CANARY}"}]`, `"${file:` + file + `}"`, `"x${CANARY"`,
		} {
			refuseCanary(t, k, value)
		}
	}
	password := keyOf("kafka.sasl.password")
	for _, value := range []string{canary, "[" + canary + "]", "{" + canary + ": ", `"` + canary, "!" + canary, "&" + canary, "a: " + canary} {
		refuseCanary(t, password, value)
	}
}

// refuseCanary loads a file in which k has value and looks for the canary in all that is shown.
func refuseCanary(t *testing.T, k key, value string) {
	t.Helper()
	var text strings.Builder
	parent, leaf := cutLeaf(strings.ReplaceAll(k.path, "[]", ""))
	depth := 0
	if parent != "" {
		for _, section := range strings.Split(parent, ".") {
			fmt.Fprintf(&text, "%s%s:\n", indent(depth), section)
			depth++
		}
	}
	fmt.Fprintf(&text, "%s%s: %s\n", indent(depth), leaf, value)
	path := written(t, text.String())
	for _, purpose := range []Purpose{ForRun, ForReplay, ForShow} {
		c, err := Load(path, []string{"CANARY=" + canary}, purpose)
		shown := fmt.Sprint(err)
		if err == nil {
			var out strings.Builder
			if err := c.WriteYAML(&out); err != nil {
				t.Fatal(err)
			}
			asJSON, err := json.Marshal(c.Settings())
			if err != nil {
				t.Fatal(err)
			}
			shown = out.String() + string(asJSON)
		}
		if strings.Contains(shown, canary) {
			t.Errorf("%s: %s shows the secret:\n%s", k.path, value, shown)
		}
	}
}
