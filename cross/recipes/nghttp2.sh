# SPDX-License-Identifier: Apache-2.0
# Also brings llhttp, which libgit2 wants and Debian has only as TypeScript.
source "$CROSS/recipes/common.sh"
cmake -S . -B out "${cmake_args[@]}" -DENABLE_LIB_ONLY=ON -DBUILD_STATIC_LIBS=ON -DBUILD_TESTING=OFF -DENABLE_DOC=OFF \
	-DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
ninja -C out -j"$JOBS" install
cd third-party/llhttp
archive libllhttp.a -Iinclude -- src/api.c src/http.c src/llhttp.c
headers include/llhttp.h
