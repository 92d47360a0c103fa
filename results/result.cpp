#include "results/result.h"
