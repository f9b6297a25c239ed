-- worst d n=50: the worst tokens of a lockstep comparison
SELECT pos, id, kl, lp_a, lp_b, top_a=top_b AS same_top FROM divergence_token WHERE divergence_id=:d ORDER BY kl DESC LIMIT :n;
