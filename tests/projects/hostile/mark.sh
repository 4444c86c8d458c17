#!/bin/sh
# What each of them does once it runs: it reads what it should not see, and writes where it should not write.
touch "$HOME/mark" ../mark /tmp/wasmrun-mark 2>/dev/null
cat "$HOME/secret" "$HOME/.ssh/id_test" >found 2>/dev/null
env >environment
ls /proc | grep -c '^[0-9]' >processes
[ -w /proc/sys/kernel/core_pattern ] && touch kernel
touch set-id && chmod 6755 set-id
mkdir -p .git/hooks && touch .git/hooks/post-checkout 2>/dev/null
echo 'jail = false' 2>/dev/null >>.wasmrun.toml
(setsid sleep 7531 >/dev/null 2>&1 &)
touch ran
