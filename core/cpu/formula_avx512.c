/* formula_avx512.c - the formulas of formula.h on vec_avx512.h. */
#include "core/cpu/vec_avx512.h"

#include "core/cpu/formula_body.h"

const gn_formulas gn_formulas_avx512 = FORMULAS;
