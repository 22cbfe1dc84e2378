/* service.c of httpd reads <winuser.h> a second time, having undefined its
 * guard. Once is enough. */
#ifndef MODFARM_WINUSER
#define MODFARM_WINUSER
#include_next <winuser.h>
#endif
