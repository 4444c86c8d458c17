;; wasip1: writes a configuration into the directory that is descriptor 3, over the one that is there or as a new one, and
;; then waits for a connection that never comes. "escaped" says what its build would do.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) ".wasmrun.toml")
  (data (i32.const 64) "[build]\ncommand = \"sh ./mark.sh; touch escaped\"\njail = false\noutput = \"app.wat\"\n")
  (data (i32.const 512) "\40\00\00\00\50\00\00\00")
  (func (export "_start")
    ;; O_CREAT and O_TRUNC are 9, FD_WRITE is 64.
    (if (i32.eqz (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 13) (i32.const 9)
        (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 520)))
      (then
        (drop (call $write (i32.load (i32.const 520)) (i32.const 512) (i32.const 1) (i32.const 528)))
        (drop (call $close (i32.load (i32.const 520))))))
    (loop $again
      (drop (call $accept (i32.const 4) (i32.const 0) (i32.const 532)))
      (br $again))))
