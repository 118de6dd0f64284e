// SPDX-License-Identifier: MIT
//
// lwIP's view of the compiler.

#ifndef VIRTUAL_LWIP_ARCH_CC_H
#define VIRTUAL_LWIP_ARCH_CC_H

#include <assert.h>
#include <stdio.h>

#define LWIP_PLATFORM_DIAG(arguments) printf arguments
#define LWIP_PLATFORM_ASSERT(text) assert(!text)
#define LWIP_NO_CTYPE_H 1

#endif
