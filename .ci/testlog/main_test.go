package main

import (
	"strings"
	"testing"
)

// Every way for a test to end, as go test -json tells it: pass, skip, fail, not at all because the process died, and
// a package that did not build.
const log = `go: downloading example.org/a v1.0.0
{"Action":"run","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"not shown\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"run","Package":"a","Test":"TestSkip"}
{"Action":"output","Package":"a","Test":"TestSkip","Output":"    a_test.go:7: no such: thing\n"}
{"Action":"output","Package":"a","Test":"TestSkip","Output":"--- SKIP: TestSkip (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestSkip"}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a"}
{"Action":"run","Package":"b","Test":"TestBad"}
{"Action":"output","Package":"b","Test":"TestBad","Output":"    b_test.go:3: bad\n"}
{"Action":"fail","Package":"b","Test":"TestBad/in/it"}
{"Action":"fail","Package":"b","Test":"TestBad"}
{"Action":"run","Package":"b","Test":"TestDied"}
{"Action":"output","Package":"b","Test":"TestDied","Output":"panic: died\n"}
{"Action":"output","Package":"b","Output":"FAIL\tb\t0.1s\n"}
{"Action":"fail","Package":"b"}
{"ImportPath":"c","Action":"build-output","Output":"c.go:1:1: no\n"}
{"ImportPath":"c","Action":"build-fail"}
{"Action":"output","Package":"c","Output":"FAIL\tc [build failed]\n"}
{"Action":"fail","Package":"c","FailedBuild":"c"}
`

const want = `go: downloading example.org/a v1.0.0
ok  	a	0.1s
    b_test.go:3: bad
FAIL	b	0.1s
panic: died
c.go:1:1: no
FAIL	c [build failed]
skipped a TestSkip: no such: thing
failed b TestBad/in/it
failed b TestBad
failed b TestDied
failed b
failed c
1 passed, 4 failed, 1 skipped
`

const again = `b TestBad
b TestDied
b
c
`

func TestReport(t *testing.T) {
	var out strings.Builder
	r := report{out: &out, open: map[[2]string][]string{}, broken: map[string]int{}}
	if err := r.read(strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	r.finish()
	if out.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", out.String(), want)
	}
	if got := string(r.again()); got != again {
		t.Errorf("to be run again:\n%s\nwant\n%s", got, again)
	}
}
