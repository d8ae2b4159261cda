// Arm semihosting's console on this process: the serial port's own output when both share the terminal, else standard input and output.
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Devices.Serial;
using Emu.Machine.Engines;

namespace Emu.Cli.Host;

/// <summary>The console.</summary>
/// <param name="shared">The serial back end that already writes to standard output, so that the order of both is kept; or null.</param>
/// <param name="readsInput">Whether standard input is free to be read.</param>
internal sealed class StandardConsole(ICharBackend? shared, bool readsInput) : ISemihostingConsole
{
    private readonly Lock gate = new();
    private readonly Stream output = shared is null ? Console.OpenStandardOutput() : Stream.Null;
    private readonly Stream input = readsInput ? Console.OpenStandardInput() : Stream.Null;

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> data)
    {
        if (shared is not null)
        {
            shared.Write(data);
            return;
        }

        lock (gate)
        {
            try
            {
                output.Write(data);
            }
            catch (IOException)
            {
                // The reader has gone; the guest cannot know.
            }
        }
    }

    /// <inheritdoc/>
    public int ReadByte()
    {
        lock (gate)
        {
            try
            {
                return input.ReadByte();
            }
            catch (IOException)
            {
                return -1;
            }
        }
    }
}
