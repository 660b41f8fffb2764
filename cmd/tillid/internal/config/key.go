package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// key is one setting of Config.
type key struct {
	name   string // "tls.cert"
	help   string
	def    string
	index  []int
	list   bool
	number bool // a whole number or a fraction
}

// Setting describes one key, for the reference in the README and for `config print`.
type Setting struct {
	Key, Env, Default, Help string
}

// Settings lists every key in the order of Config.
func Settings() []Setting {
	var out []Setting
	for _, k := range keys {
		out = append(out, Setting{k.name, k.env(), k.def, k.help})
	}
	return out
}

// keys is derived from the tags of Config once; it never changes.
var keys = keysOf(reflect.TypeFor[Config](), "", nil)

func keysOf(t reflect.Type, prefix string, index []int) []key {
	var out []key
	for f := range fields(t) {
		at := append(append([]int(nil), index...), f.Index...)
		name := prefix + f.Tag.Get("yaml")
		if f.Type.Kind() == reflect.Struct && !leaf(f.Type) {
			out = append(out, keysOf(f.Type, name+".", at)...)
			continue
		}
		kind := f.Type.Kind()
		out = append(out, key{name: name, help: f.Tag.Get("help"), def: f.Tag.Get("default"), index: at, list: kind == reflect.Slice,
			number: kind == reflect.Int && !leaf(f.Type) || kind == reflect.Float64})
	}
	return out
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// leaf reports that a type is written as one scalar.
func leaf(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// env is the variable of a key: tls.cert is TILLID_TLS_CERT.
func (k key) env() string {
	return "TILLID_" + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// set writes values into the field of k. A key that is not a list takes exactly one.
func (k key) set(c *Config, values []string) error {
	field := reflect.ValueOf(c).Elem().FieldByIndex(k.index)
	if !k.list {
		if len(values) != 1 {
			return fmt.Errorf("takes one value, not a list")
		}
		return scalar(field, values[0])
	}
	made := reflect.MakeSlice(field.Type(), len(values), len(values))
	for i, v := range values {
		if err := scalar(made.Index(i), v); err != nil {
			return err
		}
	}
	field.Set(made)
	return nil
}

// get reads the field of k as it would be written.
func (k key) get(c Config) []string {
	field := reflect.ValueOf(c).FieldByIndex(k.index)
	if !k.list {
		return []string{text(field)}
	}
	var out []string
	for i := range field.Len() {
		out = append(out, text(field.Index(i)))
	}
	return out
}

func scalar(v reflect.Value, s string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(s))
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 90s, 30m or 4h30m", s)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return nil
	case reflect.Int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", s)
		}
		v.SetInt(int64(n))
		return nil
	case reflect.Float64:
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n != n || n > 1e9 || n < -1e9 {
			return fmt.Errorf("%q is not a number", s)
		}
		v.SetFloat(n)
		return nil
	}
	return fmt.Errorf("%s cannot be set from text", v.Type())
}

func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case encoding.TextMarshaler:
		t, err := x.MarshalText()
		if err != nil {
			return fmt.Sprintf("%%!(%v)", err)
		}
		return string(t)
	case fmt.Stringer:
		return x.String()
	}
	return fmt.Sprint(v.Interface())
}
