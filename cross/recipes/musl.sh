# SPDX-License-Identifier: Apache-2.0
# musl's libc and a wrapper that makes Debian's cross gcc compile and link against it. Debian's source package
# carries the patch that makes the specs file understand -static-pie; without it gcc silently links a dynamic program.
# TOOLS is gcc's prefix (aarch64-linux-gnu-), TRIPLET what the wrapper is called, FINAL where OUT will lie when it is done.
set -eu
./configure --target="$TRIPLET" --prefix="$FINAL" --syslibdir="$FINAL/lib" --disable-shared --disable-wrapper \
	CC="${TOOLS}gcc" CROSS_COMPILE="$TOOLS" CFLAGS="$CFLAGS"
make -j"$JOBS"
make install-headers install-libs prefix="$OUT" syslibdir="$OUT/lib"
sh tools/musl-gcc.specs.sh "$FINAL/include" "$FINAL/lib" "/lib/ld-musl-$CPU.so.1" > "$OUT/lib/musl-gcc.specs"
# The kernel's headers are copied, so that the toolchain stays as it is when the machine is upgraded.
for header in linux/version.h asm/types.h asm-generic/types.h; do
	found=$(echo "#include <$header>" | "${TOOLS}gcc" -E -H -x c - 2>&1 >/dev/null | sed -n 's/^\. //p' | head -n 1)
	[ -n "$found" ] || { echo "the kernel headers of ${TOOLS}gcc are not installed: no $header"; exit 1; }
	cp -rL "${found%/*}" "$OUT/include/"
done
mkdir -p "$OUT/bin"
cat > "$OUT/bin/$TRIPLET-gcc" <<EOF
#!/bin/sh
# Static unless told otherwise: there is no shared libc to link with.
kind=-static
for argument; do
	case \$argument in
	-static|-static-pie|-shared|-r|-nostdlib) kind= ;;
	esac
done
exec ${TOOLS}gcc "\$@" \$kind -specs=$FINAL/lib/musl-gcc.specs
EOF
chmod +x "$OUT/bin/$TRIPLET-gcc"
