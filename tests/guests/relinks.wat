;; wasip1: descriptors 3 and 4 are directories, 4 one in 3 that is called "sub". Exits with 0 when it can read "secret" in 4.
;; Else it puts a link to the folder above 3 where 4 lay in 3, and traps.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $link (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "secretsubwas..")
  (func (export "_start")
    ;; FD_READ is 2.
    (if (i32.eqz (call $open (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 6) (i32.const 0)
                   (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
      (then (return)))
    (drop (call $rename (i32.const 3) (i32.const 6) (i32.const 3) (i32.const 3) (i32.const 9) (i32.const 3)))
    (drop (call $link (i32.const 12) (i32.const 2) (i32.const 3) (i32.const 6) (i32.const 3)))
    (unreachable)))
