/* frequency.c - see frequency.h. */
#include "core/model/frequency.h"

#include <math.h>

static float llama3(float f, const gn_config *c) {
    const float length = 2 * (float)M_PI / f;
    const float low = c->rope_scaling.low, high = c->rope_scaling.high;
    if (length < c->rope_scaling.context / high)
        return f;
    if (length > c->rope_scaling.context / low)
        return f / c->rope_scaling.factor;
    const float smooth = (c->rope_scaling.context / length - low) / (high - low);
    return (1 - smooth) * f / c->rope_scaling.factor + smooth * f;
}

void gn_frequency(float *f, const gn_config *c) {
    for (int i = 0; i < c->rotary / 2; i++) {
        f[i] = 1.0f / powf(c->rope_theta, (float)(2 * i) / (float)c->rotary);
        if (c->rope_scaling.on)
            f[i] = llama3(f[i], c);
    }
}
