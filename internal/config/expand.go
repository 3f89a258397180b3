package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// secretBytesMax bounds a file that a value refers to.
const secretBytesMax = 64 << 10

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces every ${VAR} and ${file:/path} of text; $${ stands for a literal ${. The
// complaint names the reference, never what it held.
func expand(text string, env map[string]string) (expanded string, complaint string) {
	var out strings.Builder
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			out.WriteString(text)
			return out.String(), ""
		}
		if start > 0 && text[start-1] == '$' {
			out.WriteString(text[:start-1] + "${")
			text = text[start+2:]
			continue
		}
		end := strings.IndexByte(text[start:], '}')
		if end < 0 {
			return "", "a ${ without its } (write $${ for a literal ${)"
		}
		value, complaint := reference(text[start+2:start+end], env)
		if complaint != "" {
			return "", complaint
		}
		out.WriteString(text[:start] + value)
		text = text[start+end+1:]
	}
}

// reference is what one ${name} stands for.
func reference(name string, env map[string]string) (value string, complaint string) {
	if path, isFile := strings.CutPrefix(name, "file:"); isFile {
		return readSecret(path)
	}
	if !variableName.MatchString(name) {
		return "", "${...} must hold the name of an environment variable or file:/absolute/path"
	}
	value, set := env[name]
	if !set {
		return "", fmt.Sprintf("environment variable %s is not set", name)
	}
	return value, ""
}

// readSecret is the content of a file without its last line end.
func readSecret(path string) (value string, complaint string) {
	if !filepath.IsAbs(path) {
		return "", fmt.Sprintf("${file:%s} must name an absolute path", path)
	}
	content, err := readRegular(path, secretBytesMax)
	if err != nil {
		return "", fmt.Sprintf("cannot read the file of ${file:%s}: %s", path, osReason(err))
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), ""
}

// readRegular reads a file of at most bytesMax bytes. Pipes and devices are refused: they might
// never end.
func readRegular(path string, bytesMax int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > bytesMax:
		return nil, fmt.Errorf("it is larger than %s", formatBytes(int(bytesMax)))
	}
	return os.ReadFile(path)
}

// osReason is the cause of a failed file operation without the path, which the message has.
func osReason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
