# SPDX-License-Identifier: Apache-2.0
# The object database and the indexer. It reaches no network: HTTPS and SSH are off, and the agent fetches by itself.
source "$CROSS/recipes/common.sh"
cmake -S . -B out "${cmake_args[@]}" -DBUILD_TESTS=OFF -DBUILD_CLI=OFF -DBUILD_EXAMPLES=OFF -DUSE_THREADS=OFF \
	-DUSE_SSH=OFF -DUSE_HTTPS=OFF -DUSE_SHA1=CollisionDetection -DUSE_SHA256=Builtin -DUSE_HTTP_PARSER=llhttp \
	-DLLHTTP_INCLUDE_DIR="$OUT/include" -DLLHTTP_LIBRARY="$OUT/lib/libllhttp.a" \
	-DREGEX_BACKEND=regcomp -DUSE_NTLMCLIENT=OFF -DUSE_GSSAPI=OFF -DUSE_ICONV=OFF -DUSE_BUNDLED_ZLIB=OFF \
	-DDEPRECATE_HARD=ON
ninja -C out -j"$JOBS" install
