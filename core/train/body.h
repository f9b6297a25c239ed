/* body.h - the table of kernel.h, made from the body_*.h files for one instruction set. */
#ifndef GN_TRAIN_BODY_H
#define GN_TRAIN_BODY_H

#include "core/train/body_attend.h"
#include "core/train/body_conv.h"
#include "core/train/body_rows.h"
#include "core/train/body_scan.h"

#define GN_TRAIN_TABLE(text)                                                                       \
    {                                                                                              \
        .name = text, .norm = norm, .norm_back = norm_back, .swiglu = swiglu,                      \
        .swiglu_back = swiglu_back, .conv = conv, .conv_back = conv_back,                          \
        .scan_prepare = scan_prepare, .scan = scan, .scan_back = scan_back,                        \
        .scan_join = scan_join, .attend = attend, .attend_back = attend_back, .rope = rope,        \
        .entropy = entropy, .adam = adam, .square = square, .add = add, .add_bias = add_bias,      \
        .columns = columns                                                                         \
    }

#endif
