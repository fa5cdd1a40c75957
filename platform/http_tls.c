/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/http_tls.h"

#include "platform/clock.h"

#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
#include <time.h>

#ifdef MBEDTLS_PLATFORM_TIME_ALT
static mbedtls_time_t wall_clock(mbedtls_time_t *ret)
{
	mbedtls_time_t now = (mbedtls_time_t)lp_wall_s();
	if (ret)
		*ret = now;
	return now;
}
#endif

void lp_tls_use_wall_clock(void)
{
#ifdef MBEDTLS_PLATFORM_TIME_ALT
	mbedtls_platform_set_time(wall_clock);
#endif
}

static int64_t time_of(const mbedtls_x509_time *t)
{
	struct tm utc = {.tm_year = t->year - 1900,
			 .tm_mon = t->mon - 1,
			 .tm_mday = t->day,
			 .tm_hour = t->hour,
			 .tm_min = t->min,
			 .tm_sec = t->sec};
	return (int64_t)timegm(&utc);
}

#define DATES (MBEDTLS_X509_BADCERT_FUTURE | MBEDTLS_X509_BADCERT_EXPIRED)

static void tell_taken(struct tls_judge *judge, int64_t from_s, int64_t to_s)
{
	char text[200], from[LP_TIME_TEXT], to[LP_TIME_TEXT], now[LP_TIME_TEXT];

	if (judge->told || !judge->tell)
		return;
	snprintf(text, sizeof(text),
		 "a certificate that is good from %s to %s is taken: the clock, which nobody has "
		 "set, says %s",
		 lp_time_text(from_s, from), lp_time_text(to_s, to),
		 lp_time_text(lp_wall_s(), now));
	judge->told = true;
	judge->tell(text);
}

static void judge_dates(struct tls_judge *judge, const mbedtls_x509_crt *cert, uint32_t *flags)
{
	if (!(*flags & DATES) || !judge->pinned || !lp_wall_is_guess())
		return;
	int64_t to_s = time_of(&cert->valid_to);
	*flags &= ~(uint32_t)DATES;
	if (to_s < lp_wall_floor_s())
		*flags |= MBEDTLS_X509_BADCERT_EXPIRED;
	else
		tell_taken(judge, time_of(&cert->valid_from), to_s);
}

/* Once for each certificate of a chain, from the CA's down. */
static int verify(void *ctx, mbedtls_x509_crt *cert, int depth, uint32_t *flags)
{
	struct tls_judge *judge = ctx;

	judge_dates(judge, cert, flags);
	if (*flags && !judge->problem[0])
		mbedtls_x509_crt_verify_info(judge->problem, sizeof(judge->problem), "", *flags);
	return 0;
}

void lp_tls_judge(void *ssl_config, struct tls_judge *judge)
{
	judge->problem[0] = '\0';
	mbedtls_ssl_conf_verify(ssl_config, verify, judge);
}

/* mbedTLS wants the NUL that ends a PEM text to be counted. */
static enum lp_code terminated(struct slice pem, struct buf *ret, struct err *err)
{
	LP_TRY(lp_buf_append(ret, pem.data, pem.len, err));
	return lp_buf_byte(ret, 0, err);
}

static enum lp_code tls_error(int code, const char *what, struct err *err)
{
	char text[128];
	mbedtls_strerror(code, text, sizeof(text));
	return lp_err_set(err, LP_CONFIG, "%s: %s", what, text);
}

static enum lp_code parse_certificates(struct slice pem, const char *what, mbedtls_x509_crt *chain,
				       struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(pem.len + 1);
	LP_TRY(terminated(pem, &text, err));
	int bad = mbedtls_x509_crt_parse(chain, text.data, text.len);
	if (bad < 0)
		return tls_error(bad, what, err);
	if (bad > 0)
		return lp_err_set(err, LP_CONFIG, "%s: %d certificates in it cannot be read", what,
				  bad);
	return LP_OK;
}

enum lp_code lp_tls_check_certificates(struct slice pem, const char *what, struct err *err)
{
	LP_AUTO(mbedtls_x509_crt_free) mbedtls_x509_crt chain;
	mbedtls_x509_crt_init(&chain);
	return parse_certificates(pem, what, &chain, err);
}

static int psa_random(void *ctx, unsigned char *to, size_t n)
{
	lp_random(to, n);
	return 0;
}

enum lp_code lp_tls_check_pair(struct slice cert_pem, struct slice key_pem, struct err *err)
{
	LP_AUTO(mbedtls_x509_crt_free) mbedtls_x509_crt chain;
	LP_AUTO(mbedtls_pk_free) mbedtls_pk_context key;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(key_pem.len + 1);
	mbedtls_x509_crt_init(&chain);
	mbedtls_pk_init(&key);
	LP_TRY(parse_certificates(cert_pem, "client certificate", &chain, err));
	LP_TRY(terminated(key_pem, &text, err));
	if (psa_crypto_init() != PSA_SUCCESS)
		return lp_err_set(err, LP_INTERNAL, "mbedTLS has no random numbers");
	int failed = mbedtls_pk_parse_key(&key, text.data, text.len, NULL, 0, psa_random, NULL);
	if (text.data)
		explicit_bzero(text.data, text.len);
	if (failed)
		return tls_error(failed, "client key", err);
	if (mbedtls_pk_check_pair(&chain.pk, &key, psa_random, NULL) != 0)
		return lp_err_set(
			err, LP_CONFIG,
			"the client certificate and the client key do not belong together");
	return LP_OK;
}

/* The texts are those of mbedtls_x509_crt_verify_info(); the first match tells most. */
static const struct {
	const char *in_text, *reason, *way_out;
} reasons[] = {
	{"validity has expired", "has expired",
	 "renew it on the server, or, when this device's clock is ahead, set the clock"},
	{"starts in the future", "is not valid yet",
	 "set this device's clock, or renew the certificate on the server"},
	{"not correctly signed by the trusted CA", "is not signed by a CA that is trusted here",
	 "put the server's CA certificate (PEM) into the file that `ca` names"},
	{"does not match", "is for another host name",
	 "use the name that is in the certificate, or issue it for this name"},
	{"has been revoked", "has been revoked", "renew it on the server"},
	{"unacceptable", "uses a key or hash that is too weak",
	 "issue it with ECDSA P-256 or RSA 2048 and SHA-256 or better"},
};

/* Copies "host:port" of a URL. */
static void host_of(const char *url, char *to, size_t size)
{
	const char *host = strstr(url, "://");
	host = host ? host + 3 : url;
	snprintf(to, size, "%.*s", (int)strcspn(host, "/?#"), host);
}

enum lp_code lp_tls_explain(const char *text, const char *url, struct err *err)
{
	char host[256];
	host_of(url, host, sizeof(host));
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strstr(text, reasons[i].in_text))
			return lp_err_set(err, LP_CONFIG, "the certificate of %s %s: %s", host,
					  reasons[i].reason, reasons[i].way_out);
	return lp_err_set(err, LP_CONFIG, "the certificate of %s is not accepted: %.*s", host,
			  (int)strcspn(text, "\n"), text);
}
