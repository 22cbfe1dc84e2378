/* Read before every source of APR and httpd. They take Windows' headers a few
 * at a time, each with less than it needs under mingw: here all of them come
 * at once, in an order that works. */
#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0601
#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <windows.h>
#include <objbase.h>
#include <accctrl.h>
#include <aclapi.h>
#include <iphlpapi.h>
