# SPDX-License-Identifier: Apache-2.0
# Without JSON5 and its like: the agent reads and writes strict JSON only.
source "$CROSS/recipes/common.sh"
archive libyyjson.a -DYYJSON_DISABLE_NON_STANDARD=1 -- src/yyjson.c
headers src/yyjson.h
