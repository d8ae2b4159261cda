// PL061 general-purpose I/O (Arm DDI 0190): eight lines with edge and level interrupts.
using Emu.Core;

namespace Emu.Devices.Gpio;

/// <summary>The Arm PrimeCell GPIO. Input lines are driven with <see cref="SetInput"/>; output lines go nowhere but read back.</summary>
public sealed class Pl061 : IMmioDevice, ISnapshotable
{
    /// <summary>Number of lines.</summary>
    public const int LineCount = 8;

    /// <summary>GPIODATA, 0x000 to 0x3FC: address bits [9:2] select the lines that an access reads or writes.</summary>
    public const ulong GPIODATA = 0x000;

    /// <summary>GPIODIR: 1 makes the line an output.</summary>
    public const ulong GPIODIR = 0x400;

    /// <summary>GPIOIS: 1 senses the level, 0 edges.</summary>
    public const ulong GPIOIS = 0x404;

    /// <summary>GPIOIBE: 1 senses both edges.</summary>
    public const ulong GPIOIBE = 0x408;

    /// <summary>GPIOIEV: 1 senses the rising edge or high level, 0 the falling edge or low level.</summary>
    public const ulong GPIOIEV = 0x40C;

    /// <summary>GPIOIE: 1 lets the line interrupt.</summary>
    public const ulong GPIOIE = 0x410;

    /// <summary>GPIORIS: raw interrupts (read only).</summary>
    public const ulong GPIORIS = 0x414;

    /// <summary>GPIOMIS: interrupts after the mask (read only).</summary>
    public const ulong GPIOMIS = 0x418;

    /// <summary>GPIOIC: write 1 to clear an edge interrupt (write only).</summary>
    public const ulong GPIOIC = 0x41C;

    /// <summary>GPIOAFSEL: 1 gives the line to other hardware; kept, there is none.</summary>
    public const ulong GPIOAFSEL = 0x420;

    /// <summary>GPIOPeriphID0: the first of eight identification bytes, a word each.</summary>
    public const ulong PeriphID0 = 0xFE0;

    private const byte SnapshotVersion = 1;

    private readonly Lock sync = new();
    private readonly IInterruptLine irq;
    private byte inputs;
    private byte outputs;
    private byte dir;
    private byte sense;
    private byte bothEdges;
    private byte eventHigh;
    private byte enable;
    private byte edges;
    private byte afsel;

    /// <summary>Creates the block in its reset state: all lines inputs, low.</summary>
    /// <param name="irq">GPIOINTR, the combined interrupt.</param>
    /// <param name="snapshotName">Name of the snapshot section.</param>
    public Pl061(IInterruptLine irq, string snapshotName = "pl061")
    {
        this.irq = irq;
        SnapshotName = snapshotName;
    }

    /// <inheritdoc/>
    public string SnapshotName { get; }

    /// <summary>GPIOPeriphID0-3 and GPIOPCellID0-3 (DDI 0190 section 3.3.11 on).</summary>
    private static ReadOnlySpan<byte> Identification => [0x61, 0x10, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1];

    /// <summary>Drives an input line. Any thread.</summary>
    /// <param name="line">0 to 7.</param>
    /// <param name="level">True for high.</param>
    public void SetInput(int line, bool level)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(line);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(line, LineCount - 1);
        lock (sync)
        {
            var before = inputs;
            var bit = (byte)(1 << line);
            inputs = level ? (byte)(inputs | bit) : (byte)(inputs & ~bit);

            // An edge counts on an edge-sensed input, if both edges do or it is the selected one.
            var selected = bothEdges | ~(inputs ^ eventHigh);
            edges |= (byte)((before ^ inputs) & ~dir & ~sense & selected);
            UpdateLine();
        }
    }

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        if ((offset & 3) != 0)
        {
            return 0;
        }

        lock (sync)
        {
            return offset switch
            {
                < GPIODIR => (uint)(Levels() & (int)(offset >> 2)),
                GPIODIR => dir,
                GPIOIS => sense,
                GPIOIBE => bothEdges,
                GPIOIEV => eventHigh,
                GPIOIE => enable,
                GPIORIS => RawInterrupts(),
                GPIOMIS => (uint)(RawInterrupts() & enable),
                GPIOAFSEL => afsel,
                >= PeriphID0 and < 0x1000 => Identification[(int)(offset - PeriphID0) >> 2],
                _ => 0UL,
            };
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        if ((offset & 3) != 0)
        {
            return;
        }

        var bits = (byte)value;
        lock (sync)
        {
            switch (offset)
            {
                case < GPIODIR:
                    // A write reaches output lines only (DDI 0190 section 3.3.1).
                    var selected = (byte)(offset >> 2) & dir;
                    outputs = (byte)((outputs & ~selected) | (bits & selected));
                    break;
                case GPIODIR:
                    dir = bits;
                    break;
                case GPIOIS:
                    sense = bits;
                    break;
                case GPIOIBE:
                    bothEdges = bits;
                    break;
                case GPIOIEV:
                    eventHigh = bits;
                    break;
                case GPIOIE:
                    enable = bits;
                    break;
                case GPIOIC:
                    edges &= (byte)~bits;
                    break;
                case GPIOAFSEL:
                    afsel = bits;
                    break;
                default:
                    break;
            }

            UpdateLine();
        }
    }

    /// <summary>Returns the registers to their reset values; input lines keep the level that drives them.</summary>
    public void Reset()
    {
        lock (sync)
        {
            outputs = dir = sense = bothEdges = eventHigh = enable = edges = afsel = 0;
            UpdateLine();
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (sync)
        {
            writer.U8(SnapshotVersion);
            writer.Bytes([inputs, outputs, dir, sense, bothEdges, eventHigh, enable, edges, afsel]);
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        lock (sync)
        {
            reader.Version(SnapshotVersion, SnapshotName);
            if (reader.Bytes(9) is not [var i, var o, var d, var s, var b, var v, var e, var g, var a])
            {
                throw new InvalidDataException($"{SnapshotName}: the registers are not 9 bytes");
            }

            (inputs, outputs, dir, sense, bothEdges, eventHigh, enable, edges, afsel) = (i, o, d, s, b, v, e, g, a);
            UpdateLine();
        }
    }

    private int Levels() => (outputs & dir) | (inputs & ~dir);

    /// <summary>Raw = latched edges of edge-sensed lines, and level-sensed inputs that are at the selected level now.</summary>
    private byte RawInterrupts() => (byte)((edges & ~sense) | (~(inputs ^ eventHigh) & sense & ~dir));

    private void UpdateLine() => irq.Set((RawInterrupts() & enable) != 0);
}
