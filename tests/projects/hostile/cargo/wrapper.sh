#!/bin/sh
sh ./mark.sh
exec "$@"
