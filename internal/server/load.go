package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"dokumentlager/internal/fault"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Purpose is what a configuration is loaded for, and so what it must hold.
type Purpose uint8

// Serving is the service, Reading a command that lists, Owning one that migrates or changes tenants. They add up.
const (
	Serving Purpose = 1 << iota
	Reading
	Owning
)

// EnvPrefix begins every environment variable of ours; one that begins so and is unknown is refused.
const EnvPrefix = "DOKUMENTLAGER_"

// LoadConfig reads the YAML file (none when path is empty) and then the environment, which wins. The error is fault.Problems of
// code ConfigurationRefused: every unknown key, missing value and unusable value at once, none of them with a value in its text.
func LoadConfig(path string, environ []string, purpose Purpose) (Config, error) {
	l := loader{given: koanf.New(".")}
	l.file(path)
	l.env(environ)
	l.secretFiles()
	cfg := l.config(purpose)
	return cfg, l.problems.Err()
}

type loader struct {
	given    *koanf.Koanf
	problems fault.Problems
}

func (l *loader) refuse(where, text string, args ...any) {
	l.problems.Add(fault.New(fault.ConfigurationRefused, text, args...).At(where))
}

func (l *loader) file(path string) {
	if path == "" {
		return
	}
	fromFile := koanf.New(".")
	if err := fromFile.Load(file.Provider(path), yaml.Parser()); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			l.refuse("file", "The configuration file cannot be opened.")
			return
		}
		l.refuse("file", "The configuration file is not YAML: %s.", firstLine(err))
		return
	}
	for _, key := range fromFile.Keys() {
		value := fromFile.Get(key)
		switch {
		case known(key):
			l.set(key, value)
		case value != nil || !isGroup(key): // a group's bare name, with all its keys commented out, says nothing
			l.refuse(key, "The key is unknown; the nearest known one is %s.", nearest(key, allKeys()))
		}
	}
}

// firstLine is where YAML says the line number; it quotes at most one word of the file.
func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), "\n")
	return line
}

func (l *loader) env(environ []string) {
	byName := map[string]string{}
	for _, key := range allKeys() {
		byName[envName(key)] = key
	}
	provider := env.Provider("", env.Opt{Prefix: EnvPrefix, EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key, ok := byName[name]
			if !ok {
				l.refuse(name, "The environment variable is unknown; the nearest known one is %s.", envName(nearest(keyOf(name), allKeys())))
			}
			return key, value
		}})
	values, err := provider.Read()
	if err != nil {
		l.refuse("environment", "The environment cannot be read.")
	}
	for key, value := range values {
		l.set(key, value)
	}
}

// set keeps a value as text; lists become "a,b", and lists of objects JSON.
func (l *loader) set(key string, value any) {
	var text string
	switch v := value.(type) {
	case nil:
	case []any:
		if objects, isObjects := asObjects(v); isObjects {
			text = objects
			break
		}
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = fmt.Sprint(part)
		}
		text = strings.Join(parts, ",")
	case map[string]any:
		l.refuse(key, "The key takes a value, not further keys.")
		return
	default:
		text = fmt.Sprint(v)
	}
	if err := l.given.Set(key, text); err != nil {
		l.refuse(key, "The value cannot be kept.")
	}
}

// asObjects writes a list that has objects in it as JSON, the form that the environment has it in.
func asObjects(list []any) (string, bool) {
	if !slices.ContainsFunc(list, func(part any) bool { _, is := part.(map[string]any); return is }) {
		return "", false
	}
	text, err := json.Marshal(list)
	return string(text), err == nil
}

// secretFiles reads secrets that were given as the name of a file, as container platforms mount them.
func (l *loader) secretFiles() {
	for _, s := range settings {
		path := l.given.String(s.key + fileSuffix)
		if !s.secret || path == "" {
			continue
		}
		if l.given.String(s.key) != "" {
			l.refuse(s.key, "It is given twice, as a value and as a file; give one.")
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil || len(content) > 64<<10 {
			l.refuse(s.key+fileSuffix, "The file cannot be read.")
			continue
		}
		l.set(s.key, strings.TrimSpace(string(content)))
	}
}

func (l *loader) config(purpose Purpose) Config {
	var cfg Config
	for _, s := range settings {
		text := l.given.String(s.key)
		if text == "" {
			text = s.otherwise
		}
		switch {
		case text == "" && s.need&purpose != 0 && !l.refused(s.key):
			l.refuse(s.key, "A value is missing: %s. Set %s in the file, or %s.", s.help, s.key, envName(s.key))
		case text != "":
			l.assign(&cfg, s, text)
		}
	}
	return cfg
}

// refused tells that something was said of the key or its file already.
func (l *loader) refused(key string) bool {
	return slices.ContainsFunc(l.problems, func(p *fault.Problem) bool { return strings.HasPrefix(p.Location, key) })
}

func (l *loader) assign(cfg *Config, s setting, text string) {
	err := assign(s.at(cfg), text)
	if err == nil && s.check != nil {
		err = s.check(text)
	}
	if err != nil {
		l.refuse(s.key, "The value %s.", err)
	}
}
