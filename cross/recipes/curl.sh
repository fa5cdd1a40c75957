# SPDX-License-Identifier: Apache-2.0
# HTTP and HTTPS alone, HTTP/2, TLS sessions that can be exported (a poll resumes across processes).
# No CA is built in: every handle names its own.
source "$CROSS/recipes/common.sh"
./configure "${autoconf_args[@]}" --with-mbedtls="$OUT" --with-zlib="$OUT" --with-nghttp2="$OUT" \
	--enable-ssls-export --enable-threaded-resolver \
	--without-libpsl --without-brotli --without-zstd --without-libidn2 --without-librtmp --without-ca-bundle \
	--without-ca-path --disable-ca-search --disable-ftp --disable-file --disable-ldap --disable-ldaps \
	--disable-rtsp --disable-dict --disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb \
	--disable-smtp --disable-gopher --disable-mqtt --disable-ipfs --disable-manual --disable-docs \
	--disable-libcurl-option --disable-ares --disable-aws --disable-ntlm --disable-negotiate-auth \
	--disable-kerberos-auth --disable-tls-srp --disable-cookies --disable-netrc --disable-alt-svc --disable-hsts \
	--disable-doh --disable-progress-meter --disable-mime --disable-form-api --disable-bindlocal \
	--disable-websockets --disable-digest-auth --disable-sspi --disable-versioned-symbols --disable-sha512-256
make -j"$JOBS" -C lib install
make -C include install
rm -f "$OUT"/lib/libcurl.la
for feature in USE_NGHTTP2 USE_MBEDTLS USE_SSLS_EXPORT HAVE_LIBZ; do
	grep -q "^#define $feature 1" lib/curl_config.h || { echo "curl was configured without $feature"; exit 1; }
done
