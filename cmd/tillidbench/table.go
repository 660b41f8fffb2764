package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// printResults prints a table and reports whether every goal in it was met.
func printResults(w io.Writer, store string, c costs, all []result) bool {
	fmt.Fprintf(w, "\nStore: %s. %d at a time. Processor time of one: request %s, round trip %s, commit %s, ES256 signed %s and verified %s, RS256 signed %s, argon2id %s.\n",
		store, together, micros(c["request"]), micros(c["trip"]), micros(c["commit"]), micros(c["sign ES256"]), micros(c["verify ES256"]),
		micros(c["sign RS256"]), micros(c["argon2id"]))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "kind\tn\tCPU each\tof it argon2id\trequests\tround trips\tchanges\tcommits\tsignatures\tp50\tp95\tbound\tratio\tgoal\t\t")
	met := true
	for _, r := range all {
		bound := c.bound(r)
		ratio := float64(r.cpu) / float64(bound)
		goal, verdict, hashing := "-", "", "-"
		if r.goal > 0 {
			goal, verdict = fmt.Sprintf("%.1f", r.goal), "pass"
			if ratio > r.goal {
				verdict, met = "MISS", false
			}
		}
		if n := r.work["argon2id"]; n > 0 {
			hashing = micros(time.Duration(n * float64(c["argon2id"])))
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t%s\t%s\t%.2f\t%s\t%s\t\n", r.name, r.times, micros(r.cpu), hashing,
			r.requests, r.trips, r.writes, r.commits, r.signatures, millis(r.p50), millis(r.p95), micros(bound), ratio, goal, verdict)
	}
	if err := t.Flush(); err != nil {
		return false
	}
	return met
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// printGoal prints one number beside its goal and reports whether it was met.
func printGoal(w io.Writer, what, got string, met bool, goal string) bool {
	verdict := "pass"
	if !met {
		verdict = "MISS"
	}
	fmt.Fprintf(w, "%s: %s (goal %s) %s\n", what, got, goal, verdict)
	return met
}
