/* frequency.h - how fast each pair of a head's numbers turns. */
#ifndef GN_MODEL_FREQUENCY_H
#define GN_MODEL_FREQUENCY_H

#include "core/model/config.h"

/* f [rotary/2]: theta^(-2i / rotary), as transformers computes it in f32, and for
 * rope type llama3 divided by the factor where the wave is longer than the context
 * the model was first trained on, with a smooth passage between. */
void gn_frequency(float *f, const gn_config *c);

#endif
