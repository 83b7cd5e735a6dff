// Package deploy checks what is under deploy/ and docker-compose.yml with the
// programs that will read it, and against the code that it speaks of.
package deploy
