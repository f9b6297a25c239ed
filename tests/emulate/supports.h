/* supports.h - a processor that has, besides its own instructions, those that are emulated. */
#include <string.h>
static inline int gn_own_processor_supports_avx2(void) { return __builtin_cpu_supports("avx2"); }
static inline int gn_own_processor_supports_fma(void) { return __builtin_cpu_supports("fma"); }
static inline int gn_own_processor_supports_f16c(void) { return __builtin_cpu_supports("f16c"); }
static inline int gn_own_processor_supports_bmi2(void) { return __builtin_cpu_supports("bmi2"); }
#define __builtin_cpu_supports(name)                                                               \
    (strncmp(name, "avx512", 6) == 0 ? 1                                                           \
     : strcmp(name, "avx2") == 0     ? gn_own_processor_supports_avx2()                            \
     : strcmp(name, "fma") == 0      ? gn_own_processor_supports_fma()                             \
     : strcmp(name, "f16c") == 0     ? gn_own_processor_supports_f16c()                            \
                                     : gn_own_processor_supports_bmi2())
