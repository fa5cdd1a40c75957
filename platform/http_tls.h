/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_HTTP_TLS_H
#define LIMPET_PLATFORM_HTTP_TLS_H
/* Inside platform/http: what is asked of mbedTLS directly, behind libcurl's back. */
#include "platform/buf.h"

/*
 * Makes certificates be judged by lp_wall_s, which never runs below its floor. Where the
 * library was built without that hook (a distribution's own), the system's clock judges.
 */
void lp_tls_use_wall_clock(void);

/* Who judges the certificates of one client. */
struct tls_judge {
	bool pinned;                    /* the CA is one that a person named */
	void (*tell)(const char *text); /* of struct http_options */
	bool told;
	char problem[256]; /* what is wrong with the last chain, as mbedTLS words it; "" nothing */
};

/*
 * Puts judge in the place of libcurl's own judgement for a connection that is about to be made:
 * ssl_config is what CURLOPT_SSL_CTX_FUNCTION is given, by a libcurl with mbedTLS. Nothing is
 * let pass but dates: with a CA of our own and a clock that is a guess, a certificate has
 * expired if the time floor is past its end, and is never too new.
 */
void lp_tls_judge(void *ssl_config, struct tls_judge *judge);

/* LP_CONFIG, naming what, unless pem holds at least one certificate and all in it parse. */
LP_CHECKED enum lp_code lp_tls_check_certificates(struct slice pem, const char *what,
						  struct err *err);

/* LP_CONFIG unless cert_pem and key_pem parse and belong together. */
LP_CHECKED enum lp_code lp_tls_check_pair(struct slice cert_pem, struct slice key_pem,
					  struct err *err);

/*
 * What a person should know about a refused certificate: text is what libcurl said. Writes
 * the reason and the way out for host into err: LP_CONFIG.
 */
enum lp_code lp_tls_explain(const char *text, const char *url, struct err *err);
#endif
