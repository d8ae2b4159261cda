// The reference: qemu-user running the static runner of testroms/oracle, fed with batches through pipes.
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>A running reference. Batches are answered in the order they were submitted.</summary>
public sealed class ReferenceProcess : IDisposable
{
    private readonly Process process;
    private readonly BlockingCollection<byte[]> queue = [];
    private readonly Thread writer;
    private readonly Stream output;

    /// <summary>Starts it.</summary>
    public ReferenceProcess(Reference reference)
    {
        string[] arguments = ["-seed", $"{Reference.Seed}", "-cpu", reference.CpuModel, RunnerBuild.Runner()];
        var start = new ProcessStartInfo(reference.Program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        process = Process.Start(start) ?? throw new InvalidOperationException($"{reference.Program} did not start");
        output = process.StandardOutput.BaseStream;
        writer = new Thread(Write) { IsBackground = true, Name = "reference" };
        writer.Start();
    }

    /// <summary>Queues a batch.</summary>
    public void Submit(byte[] batch) => queue.Add(batch);

    /// <summary>Reads the answer to the oldest batch.</summary>
    /// <param name="length">Its bytes.</param>
    public byte[] Receive(int length)
    {
        var answer = new byte[length];
        try
        {
            output.ReadExactly(answer);
        }
        catch (EndOfStreamException)
        {
            process.WaitForExit();
            throw new InvalidOperationException($"the reference ended with status {process.ExitCode} within a batch");
        }

        return answer;
    }

    /// <summary>Packs cases into a batch; sets their slots.</summary>
    /// <param name="cases">At most <see cref="OracleLayout.Slots"/>.</param>
    /// <param name="pool">Initial memory.</param>
    /// <param name="returnMemory">The windows are part of the answer.</param>
    /// <param name="answerLength">Bytes of the answer.</param>
    public static unsafe byte[] Pack(IReadOnlyList<OracleCase> cases, ReadOnlySpan<byte> pool, bool returnMemory, out int answerLength)
    {
        var codes = new uint[cases.Count][];
        var length = 16 + pool.Length;
        answerLength = 0;
        for (var i = 0; i < codes.Length; i++)
        {
            codes[i] = cases[i].Place();
            var states = cases[i].States.Length;
            length += 16 + (((codes[i].Length * 4) + 7) & ~7) + (states * (OracleLayout.StateSize + 8));
            answerLength += states * (OracleLayout.RecordSize + (returnMemory ? OracleLayout.WindowSize : 0));
        }

        var batch = new byte[length];
        var at = batch.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(at, OracleLayout.Magic);
        BinaryPrimitives.WriteInt32LittleEndian(at[4..], cases.Count);
        BinaryPrimitives.WriteInt32LittleEndian(at[8..], pool.Length);
        BinaryPrimitives.WriteInt32LittleEndian(at[12..], length - 16);
        pool.CopyTo(at[16..]);
        at = at[(16 + pool.Length)..];
        for (var i = 0; i < codes.Length; i++)
        {
            var c = cases[i];
            BinaryPrimitives.WriteInt32LittleEndian(at, codes[i].Length);
            BinaryPrimitives.WriteInt32LittleEndian(at[4..], c.States.Length);
            BinaryPrimitives.WriteInt32LittleEndian(at[8..], (c.UsesMemory ? 1 : 0) | (returnMemory ? 2 : 0));
            BinaryPrimitives.WriteInt32LittleEndian(at[12..], c.Slot);
            MemoryMarshal.AsBytes<uint>(codes[i]).CopyTo(at[16..]);
            at = at[(16 + (((codes[i].Length * 4) + 7) & ~7))..];
            for (var s = 0; s < c.States.Length; s++)
            {
                MemoryMarshal.Write(at, in c.States[s]);
                BinaryPrimitives.WriteInt64LittleEndian(at[OracleLayout.StateSize..], c.PoolOffsets[s]);
                at = at[(OracleLayout.StateSize + 8)..];
            }
        }

        return batch;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // After a failure it may wait for its answers to be read, and the writer for it: neither would ever end.
        process.Kill();
        queue.CompleteAdding();
        writer.Join();
        process.WaitForExit();
        process.Dispose();
        queue.Dispose();
    }

    private void Write()
    {
        var input = process.StandardInput.BaseStream;
        try
        {
            foreach (var batch in queue.GetConsumingEnumerable())
            {
                input.Write(batch);
                input.Flush();
            }

            input.Close();
        }
        catch (IOException)
        {
            // The reader sees the end of the answers and says why.
        }
    }
}
