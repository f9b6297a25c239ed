/* eval.h - the harness's door: what app and tests use of it. */
#ifndef GN_EVAL_EVAL_H
#define GN_EVAL_EVAL_H

#include "eval/compare.h"
#include "eval/dataset.h"
#include "eval/draw.h"
#include "eval/export.h"
#include "eval/filter.h"
#include "eval/follow.h"
#include "eval/import.h"
#include "eval/index.h"
#include "eval/merge.h"
#include "eval/metric.h"
#include "eval/report.h"
#include "eval/request.h"
#include "eval/results.h"
#include "eval/run.h"
#include "eval/statistics.h"
#include "eval/suite.h"
#include "eval/task.h"
#include "eval/verify.h"

/* The files of queries/: `gneiss db q` runs them. */
extern const gn_embedded gn_queries[];

#endif
