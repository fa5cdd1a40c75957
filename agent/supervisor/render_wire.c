/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/render_wire.h"

#define PUT(w, field)  lp_wire_put_bytes(w, &(field), sizeof(field))
#define TAKE(r, field) lp_wire_bytes(r, &(field), sizeof(field))

struct binding_policy lp_render_binding(const struct render_request *request)
{
	return (struct binding_policy){.repo = request->repo,
				       .required = request->binding,
				       .site = request->site,
				       .groups = (char(*)[LP_NAME_MAX])request->groups,
				       .group_count = request->group_count,
				       .floor_s = request->floor_s};
}

void lp_render_request_put(struct wire_writer *w, const struct render_request *request)
{
	lp_wire_put_str(w, request->objects);
	lp_wire_put_str(w, request->quarantine);
	lp_wire_put_str(w, request->signers);
	lp_wire_put_str(w, request->keys);
	lp_wire_put_str(w, request->revoked);
	lp_wire_put_u32(w, request->rsa_bits);
	lp_wire_put_u8(w, (uint8_t)request->history);
	lp_wire_put_u32(w, request->commits);
	lp_wire_put_i64(w, request->floor_s);
	lp_wire_put_u8(w, request->binding);
	lp_wire_put_str(w, request->repo);
	lp_wire_put_str(w, request->site);
	lp_wire_put_u32(w, (uint32_t)request->group_count);
	for (size_t i = 0; i < request->group_count; i++)
		lp_wire_put_str(w, request->groups[i]);
	PUT(w, request->tip.bytes);
	lp_wire_put_u8(w, request->cut);
	lp_wire_put_u8(w, request->floor);
	lp_wire_put_u8(w, request->floor_lost);
	PUT(w, request->floor_commit.bytes);
	PUT(w, request->floor_payload.bytes);
	lp_wire_put_i64(w, request->floor_sequence);
	lp_wire_put_str(w, request->path);
	lp_wire_put_str(w, request->ns);
	lp_wire_put_u8(w, request->allow_empty);
}

void lp_render_request_take(struct wire_reader *r, struct render_request *ret)
{
	*ret = (struct render_request){0};
	lp_wire_str(r, ret->objects, sizeof(ret->objects));
	lp_wire_str(r, ret->quarantine, sizeof(ret->quarantine));
	lp_wire_str(r, ret->signers, sizeof(ret->signers));
	lp_wire_str(r, ret->keys, sizeof(ret->keys));
	lp_wire_str(r, ret->revoked, sizeof(ret->revoked));
	ret->rsa_bits = lp_wire_u32(r);
	ret->history = lp_wire_u8(r);
	if (ret->history >= HISTORY_COUNT)
		r->bad = true;
	ret->commits = lp_wire_u32(r);
	ret->floor_s = lp_wire_i64(r);
	ret->binding = lp_wire_u8(r);
	lp_wire_str(r, ret->repo, sizeof(ret->repo));
	lp_wire_str(r, ret->site, sizeof(ret->site));
	ret->group_count = lp_wire_u32(r);
	if (ret->group_count > LP_GROUPS_MAX) {
		r->bad = true;
		ret->group_count = 0;
	}
	for (size_t i = 0; i < ret->group_count; i++)
		lp_wire_str(r, ret->groups[i], sizeof(ret->groups[i]));
	TAKE(r, ret->tip.bytes);
	ret->cut = lp_wire_u8(r);
	ret->floor = lp_wire_u8(r);
	ret->floor_lost = lp_wire_u8(r);
	TAKE(r, ret->floor_commit.bytes);
	TAKE(r, ret->floor_payload.bytes);
	ret->floor_sequence = lp_wire_i64(r);
	lp_wire_str(r, ret->path, sizeof(ret->path));
	lp_wire_str(r, ret->ns, sizeof(ret->ns));
	ret->allow_empty = lp_wire_u8(r);
}

void lp_render_verdict_put(struct wire_writer *w, const struct render_verdict *verdict)
{
	const struct verified *verified = &verdict->verified;

	lp_wire_put_u8(w, (uint8_t)verdict->verdict);
	lp_wire_put_u8(w, verdict->nothing_new);
	lp_wire_put_u8(w, verdict->incomplete);
	lp_wire_put_str(w, verdict->reason);
	PUT(w, verified->commit.bytes);
	PUT(w, verified->tree.bytes);
	PUT(w, verified->payload.bytes);
	lp_wire_put_str(w, verified->signer);
	lp_wire_put_str(w, verified->fingerprint);
	lp_wire_put_i64(w, verified->committed_s);
	lp_wire_put_i64(w, verified->sequence);
	lp_wire_put_i64(w, verified->expires_s);
	lp_wire_put_str(w, verified->subject);
}

void lp_render_verdict_take(struct wire_reader *r, struct render_verdict *ret)
{
	*ret = (struct render_verdict){.verdict = lp_wire_u8(r)};
	if (ret->verdict >= VERDICT_COUNT)
		r->bad = true;
	ret->nothing_new = lp_wire_u8(r);
	ret->incomplete = lp_wire_u8(r);
	lp_wire_str(r, ret->reason, sizeof(ret->reason));
	TAKE(r, ret->verified.commit.bytes);
	TAKE(r, ret->verified.tree.bytes);
	TAKE(r, ret->verified.payload.bytes);
	lp_wire_str(r, ret->verified.signer, sizeof(ret->verified.signer));
	lp_wire_str(r, ret->verified.fingerprint, sizeof(ret->verified.fingerprint));
	ret->verified.committed_s = lp_wire_i64(r);
	ret->verified.sequence = lp_wire_i64(r);
	ret->verified.expires_s = lp_wire_i64(r);
	lp_wire_str(r, ret->verified.subject, sizeof(ret->verified.subject));
}

void lp_render_end_put(struct wire_writer *w, const struct render_end *end)
{
	lp_wire_put_u8(w, (uint8_t)end->result);
	lp_wire_put_u8(w, (uint8_t)end->code);
	lp_wire_put_u32(w, end->problems);
	lp_wire_put_str(w, end->message);
}

void lp_render_end_take(struct wire_reader *r, struct render_end *ret)
{
	*ret = (struct render_end){.result = lp_wire_u8(r)};
	ret->code = lp_wire_u8(r);
	if (ret->result >= RENDER_RESULTS || ret->code > LP_INTERNAL)
		r->bad = true;
	ret->problems = lp_wire_u32(r);
	lp_wire_str(r, ret->message, sizeof(ret->message));
}
