/* formula_avx2.c - the formulas of formula.h on vec_avx2.h. */
#include "core/cpu/vec_avx2.h"

#include "core/cpu/formula_body.h"

const gn_formulas gn_formulas_avx2 = FORMULAS;
