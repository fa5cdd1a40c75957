# SPDX-License-Identifier: Apache-2.0
# Our configuration replaces the installed one, so that everybody who includes mbedTLS sees the same structs.
source "$CROSS/recipes/common.sh"
cp "$CROSS/recipes/mbedtls_config.h" include/mbedtls/mbedtls_config.h
cmake -S . -B out "${cmake_args[@]}" -DENABLE_TESTING=OFF -DENABLE_PROGRAMS=OFF -DGEN_FILES=OFF \
	-DMBEDTLS_FATAL_WARNINGS=OFF -DUSE_SHARED_MBEDTLS_LIBRARY=OFF -DUSE_STATIC_MBEDTLS_LIBRARY=ON
ninja -C out -j"$JOBS" install
