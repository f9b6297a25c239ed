/* step.h - between cuda.cu and step.cu. */
#ifndef GN_CUDA_STEP_H
#define GN_CUDA_STEP_H

#include "core/cuda/internal.h"

void gn_cuda_fill_ops(gn_ops *o); /* step_begin, step_end and every formula */
void gn_cuda_forget_graphs(gn_cuda *c);
void gn_cuda_free_stages(gn_cuda *c);

#endif
