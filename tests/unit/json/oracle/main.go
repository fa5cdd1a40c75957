// SPDX-License-Identifier: Apache-2.0

// Makes the expectations of test_yaml.c anew from the library that Kubernetes reads YAML with:
//
//	cd tests/unit/json/oracle && go run . ..
//
// scalars.json gets one line a scalar: its text, what it is as a value, what it is as a key.
// documents/NAME.json gets what documents/NAME.yaml is, or "refused". A name that begins with
// "refused-" is of a document that we refuse and the library takes.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

const refused = "refused"

func compact(text string) string {
	out, err := yaml.YAMLToJSON([]byte(text))
	if err != nil || bytes.Contains(out, []byte(`\ufffd`)) || bytes.Contains(out, []byte(`\u0000":`)) {
		return refused // what was no UTF-8 became U+FFFD, and keys with a NUL: we refuse them
	}
	var plain bytes.Buffer
	if json.Compact(&plain, out) != nil {
		panic(text)
	}
	return strings.TrimSpace(plain.String())
}

func scalars() []string {
	all := strings.Split("y Y yes Yes YES yEs n N no No NO nO on On ON oN off Off OFF true True TRUE "+
		"tRUE false False FALSE null Null NULL nULL ~ ~~ .nan .NaN .NAN .inf .Inf .INF +.inf -.inf "+
		"+.INF -.Inf .iNf << = - -- . .. ... 0x 0o 0b 0x_ _ __ _1 1_ 1__0 -_1 +_ 0_ 0_7 0x_1f 1_0.2_5 "+
		"1e3 1E3 1e+3 1e-3 1.e3 .5e3 ._5 .5_ 1e 1e+ e1 1.2.3 1,5 1e999 -1e999 .1e999 1e-999 1e400 "+
		"0b+1 0b-1 -0b+1 -0b1 +0b1 0b2 0B11 0X1F 0O17 0o18 08 09.5 -08 +08 00 -00 -0 +0 0 0. -0.0 -.0 "+
		"1:30 190:20:30 2001-01-01 2001-1-1 2001-12-14T21:59:43.10-05:00 2001-12-14t21:59:43.10Z 12:30 "+
		"1Gi 500m 10% 1/2 1s 0.1 0.30000000000000004 100000000000000000000000 1e21 1e20 123456789.123 "+
		"5e-324 1.7976931348623157e308 1.7976931348623159e308 4.9e-324 2e-324 0x1p-2 0x1.8p1 infinity nan "+
		"9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 "+
		"+9223372036854775807 +9223372036854775808 +18446744073709551615 -9223372036854775808 "+
		"-9223372036854775809 0x7fffffffffffffff 0xffffffffffffffff 0x10000000000000000 "+
		"-0x8000000000000000 -0x8000000000000001 0777777777777777777777 01777777777777777777777 "+
		"02000000000000000000000 0b111 0b"+strings.Repeat("1", 63)+" 0b"+strings.Repeat("1", 64)+" 0b"+
		strings.Repeat("1", 65)+" "+strings.Repeat("0", 80)+"1 0."+strings.Repeat("0", 80)+"1 "+
		strings.Repeat("9", 60)+" 1000000 1000000.0 100000.0 123456.0 1234567.0 12345678.9 0.0001 0.00001 "+
		"16777217.0 3.4e38 3.5e38 1e-46 a a:b a#b http://x/y *.x ?x :x -x %x", " ")
	all = append(all, `""`, `''`, `"y"`, `'1'`, `"0x1f"`, `"\x41\u00e9\U0001F600\n\t\0"`, `'it''s'`, "a b", "1 2",
		"y n", `! 12`, `! "12"`, `! y`, `"\N\_\L\P"`)
	for _, tag := range []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!binary", "!!seq", "!foo", "!!foo"} {
		for _, v := range []string{"", "1", `"1"`, "1.5", "0x10", "18446744073709551615", "-5", "y", `"true"`, "~",
			"null", "x", ".inf", "aGVsbG8=", "aGVsbG8", "/////w==", `""`, `'a b'`, "aGV\u00e9"} {
			all = append(all, strings.TrimSpace(tag+" "+v))
		}
	}
	for _, sign := range []string{"", "-", "+"} {
		for _, base := range []string{"", "0", "0x", "0o", "0b", "0X"} {
			for _, digits := range []string{"0", "1", "7", "8", "10", "1_000", "a", "ff", "12.5", "1e5", "1E-5", "."} {
				all = append(all, sign+base+digits)
			}
		}
	}
	sort.Strings(all)
	return all
}

func write(path string, lines []string) {
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		panic(err)
	}
}

func line(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSpace(out.String())
}

func main() {
	folder := os.Args[1]
	lines, seen := []string{}, map[string]bool{}
	for _, s := range scalars() {
		if !seen[s] {
			lines = append(lines, line([]string{s, compact("v: " + s + "\n"), compact("? " + s + "\n: 1\n")}))
		}
		seen[s] = true
	}
	write(filepath.Join(folder, "scalars.json"), lines)

	documents, err := filepath.Glob(filepath.Join(folder, "documents", "*.yaml"))
	if err != nil {
		panic(err)
	}
	for _, path := range documents {
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		out := compact(string(text))
		if strings.HasPrefix(filepath.Base(path), "refused-") {
			out = refused
		}
		write(strings.TrimSuffix(path, ".yaml")+".json", []string{out})
	}
	fmt.Printf("%d scalars, %d documents\n", len(lines), len(documents))
}
