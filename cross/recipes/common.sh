# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Read by every recipe. cross/build runs a recipe with bash in the patched source folder, with
#   OUT      the folder to install into: OUT/include, OUT/lib
#   CC AR RANLIB CFLAGS JOBS
#   HOST     autoconf's --host, empty when the machine builds for itself
#   CPU      CMake's system processor
#   CROSS    this project's cross/
set -eu

# Nothing of the build machine may be found.
export PKG_CONFIG_LIBDIR=/nonexistent PKG_CONFIG_PATH=

# Autoconf's cross arguments; CFLAGS and CC come from the environment.
autoconf_args=(--prefix="$OUT" --libdir="$OUT/lib" --disable-shared --enable-static --disable-dependency-tracking
	${HOST:+--host="$HOST"})

# CMake's own defaults for a build type would add -O3 after our flags: build type None adds nothing.
cmake_args=(-G Ninja -DCMAKE_BUILD_TYPE=None -DBUILD_SHARED_LIBS=OFF -DCMAKE_C_COMPILER="$CC" -DCMAKE_AR="$AR"
	-DCMAKE_RANLIB="$RANLIB" -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_INSTALL_PREFIX="$OUT" -DCMAKE_INSTALL_LIBDIR=lib
	-DCMAKE_PREFIX_PATH="$OUT" -DCMAKE_FIND_ROOT_PATH="$OUT" -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY
	-DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY
	${HOST:+-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$CPU"})

# archive LIB FLAGS... -- FILE.c...: compile the files and put them into OUT/lib/LIB
archive() {
	local lib=$1 flags=() object objects=()
	shift
	while [ "$1" != -- ]; do flags+=("$1"); shift; done
	shift
	for file in "$@"; do
		object=${file%.c}.o
		# shellcheck disable=SC2086 # CFLAGS is a list
		$CC $CFLAGS "${flags[@]}" -c "$file" -o "$object"
		objects+=("$object")
	done
	mkdir -p "$OUT/lib"
	"$AR" rcs "$OUT/lib/$lib" "${objects[@]}"
}

headers() { mkdir -p "$OUT/include"; cp "$@" "$OUT/include/"; }
