// The process that crash tests kill: random work on an image, with a mark for every completed flush. Entry point of the test assembly.
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Storage;

/// <summary>Work that is a function of a seed, so that the test knows what may be on the disk.</summary>
internal static unsafe partial class CrashWriter
{
    public const int BlockBytes = 4096;
    public const int SectorBytes = 512;
    private const int MaximumBlocks = 40;
    private const int FileSizeLimit = 1;

    /// <summary>Whole clusters: what is less may stay as it was.</summary>
    private const int DiscardBytes = 65536;

    /// <summary>One operation.</summary>
    /// <param name="Kind">What it does.</param>
    /// <param name="Offset">First byte.</param>
    /// <param name="Length">Bytes.</param>
    /// <param name="Value">What every 8 bytes of its sectors hold afterwards.</param>
    public readonly record struct Operation(OperationKind Kind, int Offset, int Length, ulong Value);

    public enum OperationKind
    {
        Write,
        Discard,
        Zero,
        Flush,
    }

    /// <summary>The dotnet host that runs this process.</summary>
    public static string DotnetPath =>
        Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));

    /// <summary>The operations of a seed, without end.</summary>
    public static IEnumerable<Operation> Operations(int seed, int capacity)
    {
        var random = new Random(seed);
        for (ulong i = 1; ; i++)
        {
            var blocks = random.Next(1, random.Next(2, MaximumBlocks));
            var offset = random.Next(capacity / BlockBytes - blocks) * BlockBytes;
            yield return random.Next(20) switch
            {
                < 4 => new Operation(OperationKind.Flush, 0, 0, 0),
                4 => new Operation(OperationKind.Discard, offset / DiscardBytes * DiscardBytes, DiscardBytes, 0),
                5 => new Operation(OperationKind.Zero, offset, blocks * BlockBytes, 0),
                _ => new Operation(OperationKind.Write, offset, blocks * BlockBytes, ((ulong)seed << 32) | i),
            };
        }
    }

    private static int Main(string[] arguments)
    {
        if (arguments is ["fuzz", .. var options])
        {
            return Fuzz.FuzzCommand.Run(options);
        }

        if (arguments is ["write-end", var path])
        {
            // Room for half of the file; the file itself is longer.
            var limit = stackalloc ulong[2] { 512 << 10, 512 << 10 };
            if (setrlimit(FileSizeLimit, limit) != 0)
            {
                return 1;
            }

            using var raw = DiskImage.Open(path, new DiskImageOptions());
            Console.WriteLine(raw.Write(raw.Capacity - 4096, new byte[4096]));
            return 0;
        }

        if (arguments is not ["crash-writer", var image, var marks, var seed])
        {
            Console.Error.WriteLine("usage: fuzz [OPTION...] | crash-writer IMAGE MARKS SEED | write-end IMAGE");
            return 2;
        }

        try
        {
            return Work(image, marks, int.Parse(seed));
        }
        catch (EmuException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static int Work(string image, string marks, int seed)
    {
        using var disk = DiskImage.Open(image, new DiskImageOptions { BackingFiles = true });
        using var mark = new FileStream(marks, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        mark.WriteByte((byte)'o');
        var buffer = new byte[MaximumBlocks * BlockBytes];
        foreach (var operation in Operations(seed, (int)disk.Capacity))
        {
            var part = buffer.AsSpan(0, operation.Length);
            MemoryMarshal.Cast<byte, ulong>(part).Fill(operation.Value);
            var status = operation.Kind switch
            {
                OperationKind.Write => disk.Write((ulong)operation.Offset, part),
                OperationKind.Discard => disk.Discard((ulong)operation.Offset, (ulong)operation.Length),
                OperationKind.Zero => disk.WriteZeroes((ulong)operation.Offset, (ulong)operation.Length, mayUnmap: true),
                _ => disk.Flush(),
            };

            // One byte per completed operation: 'f' says that all before it is durable. The first byte says that the image is open.
            mark.WriteByte((byte)(status != DiskStatus.Ok ? 'e' : operation.Kind == OperationKind.Flush ? 'f' : '.'));
        }

        return 0;
    }

    [LibraryImport("libc")]
    private static partial int setrlimit(int resource, ulong* limit);
}
