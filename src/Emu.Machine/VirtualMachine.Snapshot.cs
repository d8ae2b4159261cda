// Saving a machine to a directory and bringing one back: what is written, in which order, and how a bad snapshot is refused.
using Emu.Core;
using Emu.Machine.Lifecycle;

namespace Emu.Machine;

public sealed partial class VirtualMachine
{
    /// <summary>Saves the running machine, which stands still meanwhile and then goes on. Not on a vCPU's thread.</summary>
    /// <param name="path">A new or empty directory.</param>
    /// <exception cref="EmuException">The directory cannot be written.</exception>
    public void Snapshot(string path)
    {
        runner.Pause();
        try
        {
            Save(path);
        }
        finally
        {
            runner.Resume();
        }
    }

    /// <summary>Saves the machine, whose vCPUs stand still.</summary>
    private void Save(string path)
    {
        if (board.SlotsChanged)
        {
            throw new EmuException("the machine's devices are not those of its options any more: it cannot be saved");
        }

        var directory = new SnapshotDirectory(path);
        directory.Create();
        var hostClock = clock as HostClock;
        hostClock?.Freeze();
        board.Pci.Pause();
        try
        {
            // What a device cannot save, it says before RAM is written.
            var sections = Sections.Select(section =>
            {
                using var buffer = new MemoryStream();
                section.Save(new SnapshotWriter(buffer));
                return (section.SnapshotName, Bytes: buffer.ToArray());
            }).ToList();
            directory.WriteState(options.Arguments, writer =>
            {
                writer.Bool(options.Deterministic);
                writer.U64(clock.Now);
                SnapshotMemory.Write(directory.MemoryPath, writer, ram);
                random.Save(writer);
                foreach (var (name, bytes) in sections)
                {
                    writer.String(name);
                    writer.Bytes(bytes);
                }

                runner.Save(writer);
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmuException($"cannot write the snapshot {path}: {e.Message}");
        }
        finally
        {
            board.Pci.Resume();
            hostClock?.Thaw();
        }
    }

    /// <summary>Opens the state of the snapshot to restore and reads what the machine is built with: whether time is deterministic, and the time.</summary>
    private static SnapshotReader OpenSnapshot(SnapshotDirectory directory, bool deterministic, out ulong now)
    {
        var reader = directory.ReadState().Sections;
        try
        {
            if (reader.Bool() != deterministic)
            {
                throw new InvalidDataException("its clock is of another kind");
            }

            now = reader.U64();
            return reader;
        }
        catch (InvalidDataException e)
        {
            throw Damaged(directory, e);
        }
    }

    /// <summary>Maps the RAM that was saved, and begins to check it.</summary>
    private SnapshotMemoryCheck MapMemory(SnapshotDirectory directory, SnapshotReader reader)
    {
        try
        {
            return SnapshotMemory.Map(directory.MemoryPath, reader, ram);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw Damaged(directory, e);
        }
    }

    /// <summary>Fills the new machine, which has its RAM, with the state that was saved.</summary>
    private void Restore(SnapshotDirectory directory, SnapshotReader reader)
    {
        try
        {
            random.Restore(reader);
            foreach (var section in Sections)
            {
                var name = reader.String();
                if (name != section.SnapshotName)
                {
                    throw new InvalidDataException($"section {name} where {section.SnapshotName} was expected");
                }

                using var bytes = new MemoryStream(reader.Bytes(LargestSection), writable: false);
                section.Restore(new SnapshotReader(bytes));
                if (bytes.Position != bytes.Length)
                {
                    throw new InvalidDataException($"section {name} is {bytes.Length} bytes long, {bytes.Position} expected");
                }
            }

            runner.Restore(reader);
            foreach (var section in Sections)
            {
                section.Restored();
            }

            memoryCheck!.EndFirstPart(reason => Control.Stop(DamagedMemory(reason)));
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw Damaged(directory, e);
        }
    }

    private static EmuException Damaged(SnapshotDirectory directory, Exception reason) =>
        new($"snapshot {directory.Path} is damaged: {reason.Message.ReplaceLineEndings(" ")}");

    /// <summary>The end of a run on memory that is not what was saved.</summary>
    private RunOutcome DamagedMemory(string reason) => new(RunEnd.Failure, Failure: new EmuException($"snapshot {origin!.Path} is damaged: {reason}"));

    /// <summary>A section holds tables and queues, not RAM.</summary>
    private const int LargestSection = 1 << 28;
}
