/* bcryptprimitives.dll for a Wine that has none (before 9.0), with the one
 * function that a program written in Rust takes from it. For trying modfarm.exe
 * under Wine; Windows has its own, and this is never shipped. */

#include <windows.h>

/* RtlGenRandom by its real name; advapi32.dll has it. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    while (length > 0) {
        ULONG part = length < 0x10000000 ? (ULONG)length : 0x10000000;
        if (!SystemFunction036(buffer, part))
            return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
