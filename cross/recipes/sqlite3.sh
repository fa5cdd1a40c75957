# SPDX-License-Identifier: Apache-2.0
# The amalgamation is the same for every target: it is made by the build machine's compiler, then compiled for the target.
source "$CROSS/recipes/common.sh"
env -u CFLAGS CC=cc AR=ar RANLIB=ranlib ./configure --disable-tcl --disable-readline --disable-shared
make sqlite3.c
# Omissions go with the amalgamation only when every user of sqlite3.h agrees: cross/deps.cmake does not repeat them,
# because none of them changes what the header declares.
options=(-DSQLITE_THREADSAFE=0 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DQS=0 -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=1
	-DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_MAX_EXPR_DEPTH=100 -DSQLITE_USE_ALLOCA -DSQLITE_STRICT_SUBTYPE=1
	-DSQLITE_UNTESTABLE -DSQLITE_TEMP_STORE=2 -DSQLITE_DEFAULT_CACHE_SIZE=-256 -DSQLITE_DEFAULT_FOREIGN_KEYS=1
	-DHAVE_FDATASYNC=1 -DHAVE_USLEEP=1)
for feature in DECLTYPE DEPRECATED PROGRESS_CALLBACK SHARED_CACHE LOAD_EXTENSION AUTOINIT JSON UTF16 TRACE \
	GET_TABLE TCL_VARIABLE DESERIALIZE; do
	options+=("-DSQLITE_OMIT_$feature")
done
archive libsqlite3.a "${options[@]}" -- sqlite3.c
headers sqlite3.h
