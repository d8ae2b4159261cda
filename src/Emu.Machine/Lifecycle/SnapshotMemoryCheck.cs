// Checks the contents of a snapshot's memory: the beginning while the machine is built, the rest while the restored guest runs already.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>A run of memory that holds data, and its hash. A class, for which generic collections need no compiler at start-up.</summary>
/// <param name="Address">Where it is mapped.</param>
/// <param name="Position">Where it is in the file.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Hash">What was written.</param>
internal sealed record SnapshotChunk(nint Address, long Position, int Length, ulong Hash);

/// <summary>One check of one file. Its first part looks at what is mapped, its second at the file, for the guest then changes what is mapped.</summary>
internal sealed unsafe class SnapshotMemoryCheck
{
    /// <summary>Chunks of the first part: 64 MiB, some ten milliseconds of one thread. A large memory takes longer than a guest should wait.</summary>
    private const int FirstPart = 64;

    private const string Complaint = "the contents of memory are not what was written";

    private readonly string path;
    private readonly List<SnapshotChunk> chunks;
    private readonly int firstPart;
    private readonly Thread first;
    private Thread? second;
    private int next;
    private string? problem;
    private volatile bool damaged;
    private volatile bool leave;

    /// <summary>Begins with the first part, on a thread of its own.</summary>
    /// <param name="path">The file.</param>
    /// <param name="chunks">What to look at.</param>
    public SnapshotMemoryCheck(string path, List<SnapshotChunk> chunks)
    {
        this.path = path;
        this.chunks = chunks;
        firstPart = Math.Min(chunks.Count, FirstPart);
        first = StartThread(CheckFirstPart);
    }

    /// <summary>Takes part in the first part, waits for its end, and goes on with the second on a thread of its own.</summary>
    /// <param name="failed">Called, on that thread, with what is wrong.</param>
    /// <exception cref="InvalidDataException">The first part is not what was written.</exception>
    public void EndFirstPart(Action<string> failed)
    {
        CheckFirstPart();
        first.Join();
        if (damaged)
        {
            throw new InvalidDataException(Complaint);
        }

        if (firstPart < chunks.Count)
        {
            second = StartThread(() =>
            {
                problem = CheckSecondPart();
                if (problem is not null)
                {
                    failed(problem);
                }
            });
        }
    }

    /// <summary>Waits for the end of the second part: a run on damaged memory is not to end as if all had been well.</summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Finish()
    {
        second?.Join();
        return problem;
    }

    /// <summary>Gives the check up.</summary>
    public void Cancel()
    {
        leave = true;
        first.Join();
        second?.Join();
    }

    private static Thread StartThread(ThreadStart body)
    {
        var thread = new Thread(body) { IsBackground = true, Name = "snapshot check" };
        thread.Start();
        return thread;
    }

    private void CheckFirstPart()
    {
        while (!leave && !damaged && Interlocked.Increment(ref next) - 1 is var i && i < firstPart)
        {
            var chunk = chunks[i];
            if (SnapshotDirectory.Hash(new ReadOnlySpan<byte>((byte*)chunk.Address, chunk.Length)) != chunk.Hash)
            {
                damaged = true;
            }
        }
    }

    /// <summary>Looks at the rest of the chunks; what is wrong, or null.</summary>
    private string? CheckSecondPart()
    {
        try
        {
            using var file = File.OpenHandle(path);
            var buffer = new byte[chunks.Max(c => c.Length)];
            for (var i = firstPart; i < chunks.Count && !leave; i++)
            {
                var chunk = chunks[i];
                var bytes = buffer.AsSpan(0, chunk.Length);
                for (var done = 0; done < bytes.Length;)
                {
                    var read = RandomAccess.Read(file, bytes[done..], chunk.Position + done);
                    if (read == 0)
                    {
                        return Complaint;
                    }

                    done += read;
                }

                if (SnapshotDirectory.Hash(bytes) != chunk.Hash)
                {
                    return Complaint;
                }
            }

            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message.ReplaceLineEndings(" ");
        }
    }
}
