// Checks the contents of a snapshot's memory while the restored guest runs already: a large one takes longer than a guest should wait.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>A run of memory that holds data, and its hash. A class, for which generic collections need no compiler at start-up.</summary>
/// <param name="Address">Where it is mapped.</param>
/// <param name="Position">Where it is in the file.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Hash">What was written.</param>
internal sealed record SnapshotChunk(nint Address, long Position, int Length, ulong Hash);

/// <summary>One check, on a thread of its own. It reads the file, for the guest changes what is mapped.</summary>
/// <param name="path">The file.</param>
/// <param name="chunks">What to look at.</param>
internal sealed class SnapshotMemoryCheck(string path, IReadOnlyList<SnapshotChunk> chunks)
{
    /// <summary>What is wrong where a hash is.</summary>
    public const string Complaint = "the contents of memory are not what was written";

    private Thread? thread;
    private string? problem;
    private volatile bool leave;

    /// <summary>Begins.</summary>
    /// <param name="failed">Called, on the thread, with what is wrong.</param>
    public void Start(Action<string> failed)
    {
        thread = new Thread(() =>
        {
            problem = Run();
            if (problem is not null)
            {
                failed(problem);
            }
        })
        {
            IsBackground = true,
            Name = "snapshot check",
        };
        thread.Start();
    }

    /// <summary>Waits for the end of the check: a run on damaged memory is not to end as if all had been well.</summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Finish()
    {
        thread?.Join();
        return problem;
    }

    /// <summary>Gives the check up.</summary>
    public void Cancel()
    {
        leave = true;
        thread?.Join();
    }

    /// <summary>Looks at every chunk; what is wrong, or null.</summary>
    private string? Run()
    {
        try
        {
            using var file = File.OpenHandle(path);
            var buffer = new byte[chunks.Max(c => c.Length)];
            foreach (var chunk in chunks)
            {
                if (leave)
                {
                    return null;
                }

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
