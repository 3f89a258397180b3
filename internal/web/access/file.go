package access

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"golang.org/x/crypto/bcrypt"
)

// What a web configuration may take: it is read by every instance at its start and whenever it changes.
const (
	fileBytesMax  = 1 << 20 // of the file, and of each file that it names
	bcryptCostMax = 14      // about a second of one processor for each password that is not known yet
	tokenNameMax  = 128
)

// file is the web configuration file, in the words of the exporter-toolkit.
type file struct {
	TLS    *tlsServer        `yaml:"tls_server_config"`
	HTTP   httpServer        `yaml:"http_server_config"`
	Rate   rateLimit         `yaml:"rate_limit"`
	Users  map[string]string `yaml:"basic_auth_users"` // bcrypt hashes by name
	Tokens []bearerToken     `yaml:"bearer_tokens"`    // ours
	Admins admins            `yaml:"admins"`           // ours
}

// httpServer is what of HTTP itself can be configured.
type httpServer struct {
	HTTP2   *bool             `yaml:"http2"`
	Headers map[string]string `yaml:"headers"`
}

// rateLimit bounds requests: one in each interval, and so many at once.
type rateLimit struct {
	Interval time.Duration `yaml:"interval"`
	Burst    int           `yaml:"burst"`
}

// bearerToken is one token. The file has its SHA-256, in hexadecimal: a token is random and long, so that
// nobody finds it by trying, and the file gives none away.
type bearerToken struct {
	Name   string `yaml:"name"`
	SHA256 string `yaml:"sha256"`
	Role   string `yaml:"role"` // viewer when empty
}

// admins are those who may do more than to read, by the way in which they say who they are.
type admins struct {
	Users      []string `yaml:"users"`
	ClientSANs []string `yaml:"client_sans"`
}

// headersAllowed are the headers that may be set, as in the exporter-toolkit.
var headersAllowed = []string{"Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection", "Content-Security-Policy"}

// document is a file with the place of each key, for messages.
type document struct {
	path string
	tree *ast.File
	file file
}

// parse reads a web configuration strictly: an unknown key would be a lock that does not close. The error
// shows no text of the file.
func parse(path string, text []byte) (*document, error) {
	d := &document{path: path}
	if len(strings.TrimSpace(string(text))) == 0 { // as the exporter-toolkit has it: nothing is asked for
		return d, nil
	}
	var err error
	if d.tree, err = parser.ParseBytes(text, 0); err == nil {
		err = yaml.UnmarshalWithOptions(text, &d.file, yaml.Strict())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, firstLine(yaml.FormatError(err, false, false)))
	}
	return d, errors.Join(d.check()...)
}

// firstLine leaves out the excerpt that a parser shows below its message.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// check says everything that is wrong with the values.
func (d *document) check() (problems []error) {
	for _, name := range slices.Sorted(maps.Keys(d.file.Users)) {
		cost, err := bcrypt.Cost([]byte(d.file.Users[name]))
		switch {
		case name == "" || strings.Contains(name, ":"):
			problems = append(problems, d.problem("a name is not empty and has no colon", "basic_auth_users", name))
		case err != nil:
			problems = append(problems, d.problem("is not a bcrypt hash: make one with `htpasswd -nBC 10 NAME`", "basic_auth_users", name))
		case cost > bcryptCostMax:
			problems = append(problems, d.problem(fmt.Sprintf("its bcrypt cost is %d; at most %d, or a wrong password costs the service seconds", cost, bcryptCostMax), "basic_auth_users", name))
		}
	}
	seen := map[string]bool{}
	for i, t := range d.file.Tokens {
		at := fmt.Sprintf("bearer_tokens[%d]", i)
		sum, err := hex.DecodeString(t.SHA256)
		switch {
		case t.Name == "" || len(t.Name) > tokenNameMax || seen[t.Name]:
			problems = append(problems, d.problem("each token has a name of its own", at))
		case err != nil || len(sum) != sha256.Size:
			problems = append(problems, d.problem("sha256 is the token's SHA-256 in 64 hexadecimal digits: `printf %s TOKEN | sha256sum`", at))
		case t.Role != "" && t.Role != Viewer.String() && t.Role != Admin.String():
			problems = append(problems, d.problem("role is viewer or admin", at))
		}
		seen[t.Name] = true
	}
	for _, name := range d.file.Admins.Users {
		if _, known := d.file.Users[name]; !known {
			problems = append(problems, d.problem(fmt.Sprintf("%q is not among basic_auth_users", name), "admins", "users"))
		}
	}
	if len(d.file.Admins.ClientSANs) > 0 && (d.file.TLS == nil || !d.file.TLS.verifies()) {
		problems = append(problems, d.problem("no client certificate is verified: set tls_server_config.client_auth_type", "admins", "client_sans"))
	}
	for _, name := range slices.Sorted(maps.Keys(d.file.HTTP.Headers)) {
		if !slices.Contains(headersAllowed, name) {
			problems = append(problems, d.problem("the headers that can be set are "+strings.Join(headersAllowed, ", "), "http_server_config", "headers", name))
		}
	}
	if r := d.file.Rate; r.Interval < 0 || r.Burst < 0 || r.Interval > 0 && r.Burst == 0 {
		problems = append(problems, d.problem("needs an interval such as 10ms and a burst of at least 1", "rate_limit"))
	}
	return problems
}

// problem names the place of a key.
func (d *document) problem(text string, keys ...string) error {
	place := d.path
	if line := lineOf(d.tree, keys); line > 0 {
		place = fmt.Sprintf("%s:%d", d.path, line)
	}
	return fmt.Errorf("%s: %s: %s", place, strings.Join(keys, "."), text)
}

// lineOf is the line of a key, or of the last one of the way to it that is there.
func lineOf(tree *ast.File, keys []string) (line int) {
	if tree == nil || len(tree.Docs) == 0 {
		return 0
	}
	at := tree.Docs[0].Body
	for _, key := range keys {
		key, _, _ = strings.Cut(key, "[")
		mapping, ok := at.(*ast.MappingNode)
		if !ok {
			return line
		}
		i := slices.IndexFunc(mapping.Values, func(v *ast.MappingValueNode) bool { return v.Key.GetToken().Value == key })
		if i < 0 {
			return line
		}
		line, at = mapping.Values[i].Key.GetToken().Position.Line, mapping.Values[i].Value
	}
	return line
}

// read is one file, beside the web configuration when its name is relative.
func (d *document) read(name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(d.path), name)
	}
	return readBounded(name)
}

// readBounded reads a file of a reasonable size. The error has the file's name and not its text.
func readBounded(name string) ([]byte, error) {
	stat, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() || stat.Size() > fileBytesMax {
		return nil, fmt.Errorf("%s: is not a file of at most %d bytes", name, fileBytesMax)
	}
	return os.ReadFile(name)
}
