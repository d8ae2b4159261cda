// Which pages of RAM were ever touched, from /proc/self/pagemap or the memory's own file, so that a large empty guest RAM is not read in full.
using System.Runtime.InteropServices;
using Emu.Core;
using Microsoft.Win32.SafeHandles;

namespace Emu.Machine.Lifecycle;

/// <summary>Asks the kernel, a batch of pages at a time. Where it cannot tell, every page counts as touched.</summary>
public sealed class TouchedPages : IDisposable
{
    private const int PageShift = 12;
    private const int BatchLength = 4096;

    /// <summary>Bits 63 (present) and 62 (swapped) of a pagemap entry (Linux Documentation/admin-guide/mm/pagemap.rst).</summary>
    private const ulong PresentOrSwapped = 3UL << 62;

    private readonly ulong[] batch = new ulong[BatchLength];
    private readonly SafeFileHandle? pagemap;
    private nuint batchStart = nuint.MaxValue;
    private int batchCount;
    private ulong dataStart;
    private ulong dataEnd;

    /// <summary>Opens the map.</summary>
    public TouchedPages()
    {
        try
        {
            if (Environment.SystemPageSize == 1 << PageShift)
            {
                pagemap = File.OpenHandle("/proc/self/pagemap");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            pagemap = null;
        }
    }

    /// <summary>False only when nobody ever wrote the page. Ask about one memory in ascending order: what is not private is looked up run by run.</summary>
    /// <param name="host">The memory.</param>
    /// <param name="offset">Offset of the page in it.</param>
    public unsafe bool MayHoldData(HostMemory host, ulong offset)
    {
        if (host.FileBacked)
        {
            return true;
        }

        if (host.Descriptor < 0)
        {
            return MayHoldData((nuint)(host.Pointer + offset));
        }

        // Another process may have written what this one never touched.
        if (offset >= dataEnd)
        {
            dataStart = host.NextData(offset);
            dataEnd = host.EndOfData(dataStart);
        }

        return offset >= dataStart && offset < dataEnd;
    }

    /// <summary>False only when the page of private memory was never written since it was mapped.</summary>
    /// <param name="address">Host address of the page.</param>
    public bool MayHoldData(nuint address)
    {
        if (pagemap is null)
        {
            return true;
        }

        var page = address >> PageShift;
        if (page < batchStart || page - batchStart >= (nuint)batchCount)
        {
            batchStart = page;
            try
            {
                batchCount = RandomAccess.Read(pagemap, MemoryMarshal.AsBytes(batch.AsSpan()), (long)page * sizeof(ulong)) / sizeof(ulong);
            }
            catch (IOException)
            {
                batchCount = 0;
            }

            if (batchCount == 0)
            {
                batchStart = nuint.MaxValue;
                return true;
            }
        }

        return (batch[page - batchStart] & PresentOrSwapped) != 0;
    }

    /// <inheritdoc/>
    public void Dispose() => pagemap?.Dispose();
}
