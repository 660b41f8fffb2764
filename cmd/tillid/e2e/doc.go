// Package e2e tests the tillid binary from outside, with the software that will meet it: stock relying parties, a browser,
// and the servers that it stores in. It holds tests only, and nothing in it looks inside the server, but for what the
// server leaves on disk when it is killed.
package e2e
