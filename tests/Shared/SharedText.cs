// Text that several threads write and a test reads meanwhile, such as a log: a StringWriter must not be read while it is written.
using System.Globalization;

namespace Emu.Tests;

/// <summary>A writer into memory, safe from any thread.</summary>
internal sealed class SharedText() : StringWriter(CultureInfo.InvariantCulture)
{
    private readonly Lock gate = new();

    /// <inheritdoc/>
    public override void Write(char value)
    {
        lock (gate)
        {
            base.Write(value);
        }
    }

    /// <inheritdoc/>
    public override void Write(string? value)
    {
        lock (gate)
        {
            base.Write(value);
        }
    }

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count)
    {
        lock (gate)
        {
            base.Write(buffer, index, count);
        }
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer)
    {
        lock (gate)
        {
            base.Write(buffer);
        }
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        lock (gate)
        {
            return base.ToString();
        }
    }
}
