/* formula_plain.c - the formulas of formula.h on vec_plain.h. */
#include "core/cpu/vec_plain.h"

#include "core/cpu/formula_body.h"

const gn_formulas gn_formulas_plain = FORMULAS;
