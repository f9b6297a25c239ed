/* formula_body.h - the formulas of formula.h, on whichever vec_*.h was included before.
 *
 * Rows end in a vector that is only partly theirs; vec_load_n and vec_store_n
 * touch no more than what is. */
#include "core/cpu/formula.h"
#include "core/cpu/vec_math.h"

#include <math.h>
#include <string.h>

/* Whole vectors a row is cut into for sums: four chains, so that adding one does not
 * wait for the one before. */
enum { CHAINS = 4 };

#include "core/cpu/formula_rows.h"

#include "core/cpu/formula_lanes.h"

#include "core/cpu/formula_attend.h"

#define FORMULAS                                                                                   \
    {                                                                                              \
        .exp = exp_row, .softplus = softplus_row, .rmsnorm = rmsnorm,                              \
        .gated_rmsnorm = gated_rmsnorm, .axpy = axpy, .scale = scale, .swiglu = swiglu,            \
        .rotate = rotate, .convolve = convolve, .steps = steps, .scan = scan, .widen = widen,      \
        .narrow = narrow, .transpose = transpose, .attend = attend, .attend_few = attend_few,      \
        .join = join, .tally = tally, .count = count, .find_above = find_above                     \
    }
