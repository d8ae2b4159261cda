// Gives back to the host what the runtime freed: garbage of compiled code, then the C allocator's free pages.
using System.Runtime.InteropServices;

namespace Emu.Cpu.Jit;

/// <summary>Frees compiled code that nothing refers to any more.</summary>
internal static partial class HostAllocator
{
    private static bool canTrim = true;

    /// <summary>
    /// A dynamic method dies in two collections: the finalizer of what resolves its tokens leaves an object whose finalizer frees its code. What the
    /// runtime keeps of it lies in the C allocator's arenas, between what is still used; without trimming they only ever grow.
    /// </summary>
    public static void FreeCollected()
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        if (!canTrim)
        {
            return;
        }

        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc.
            canTrim = false;
        }
        catch (DllNotFoundException)
        {
            canTrim = false;
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MallocTrim(nuint pad);
}
