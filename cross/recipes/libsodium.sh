# SPDX-License-Identifier: Apache-2.0
# Ed25519, which mbedTLS lacks. Debian's tarball has no configure.
source "$CROSS/recipes/common.sh"
autoreconf -fi
./configure "${autoconf_args[@]}" --enable-minimal --with-pic
make -j"$JOBS" -C src install
rm -f "$OUT"/lib/libsodium.la
