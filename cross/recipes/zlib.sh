# SPDX-License-Identifier: Apache-2.0
source "$CROSS/recipes/common.sh"
./configure --static --prefix="$OUT"
make -j"$JOBS" libz.a
mkdir -p "$OUT/lib"
cp libz.a "$OUT/lib/"
headers zlib.h zconf.h
